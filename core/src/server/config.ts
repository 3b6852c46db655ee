import type { DistinguishedName } from "@finial/sdk/crypto";
import { block, type Decoded, decodeConfig } from "@finial/sdk/hcl";
import { parseSpiffeId, parseTrustDomain, type SpiffeId, type TrustDomain } from "@finial/sdk/spiffe";
import type { PluginBlock } from "../kernel/catalog/plugin-block.ts";
import { type MissingFeature, warningsOf } from "../kernel/config/feature.ts";
import { type HealthListenerConfig, healthChecksBlock } from "../kernel/config/health-checks-block.ts";
import { invalid, named } from "../kernel/config/invalid.ts";
import { type LogSettings, parseLogSettings } from "../kernel/config/log-settings.ts";
import { pluginsBlock, withStore } from "../kernel/config/plugins-block.ts";
import { telemetryBlock } from "../kernel/config/telemetry-block.ts";
import type { CredentialSettings } from "./ca/credential-settings.ts";
import { missingFeatures } from "./config/missing-features.ts";
import { serverFields } from "./config/server-block.ts";
import type { ServerFlags } from "./config/server-flags.ts";
import { ttlWarnings } from "./config/ttl-warnings.ts";
import type { KeyType } from "./facade/keymanager.ts";
import type { PruneOptions } from "./prune.ts";

/** A server's configuration, checked. */
export interface ServerConfig {
  readonly trustDomain: TrustDomain;
  readonly bindAddress: string;
  readonly bindPort: number;
  readonly socketPath: string;
  readonly dataDir: string;
  readonly log: LogSettings;
  readonly auditLogEnabled: boolean;
  readonly adminIds: readonly SpiffeId[];
  readonly credentials: CredentialSettings;
  readonly caKeyType: KeyType;
  readonly jwtKeyType: KeyType;
  readonly disableJwtSvids: boolean;
  readonly rateLimits: { readonly attestation: boolean; readonly signing: boolean };
  readonly agentSpiffeIdAsSelector: boolean;
  readonly pruneNodes: PruneOptions["nodes"];
  readonly healthChecks: HealthListenerConfig | undefined;
  readonly plugins: readonly PluginBlock[];
  /** Keys that ask for what this version does not have; `refuseMissing` ends the run where going on would be worse. */
  readonly missing: readonly MissingFeature[];
  /** Sentences for the log. */
  readonly warnings: readonly string[];
}

export const defaultServerSocketPath = "/tmp/spire-server/private/api.sock";

const hourMs = 3_600_000;
const keyTypes: ReadonlySet<string> = new Set<KeyType>(["ec-p256", "ec-p384", "rsa-2048", "rsa-4096"]);

const fields = {
  server: block(serverFields),
  plugins: pluginsBlock(),
  telemetry: telemetryBlock(),
  health_checks: healthChecksBlock(),
};

/**
 * Reads a server's configuration.
 *
 * @throws {StatusError} InvalidArgument with every problem, a line each: file, line and column, the key, and what would be right.
 */
export function parseServerConfig(
  text: string,
  options: { readonly filename: string; readonly flags?: ServerFlags },
): ServerConfig {
  const { server, plugins, telemetry, health_checks } = decodeConfig(text, fields, {
    filename: options.filename,
  });
  if (server === undefined) throw invalid("server section must be configured");
  const { flags = {} } = options;
  const trustDomainText = flags.trustDomain || server.trust_domain;
  if (!trustDomainText) throw invalid("trust_domain must be configured");
  const dataDir = flags.dataDir || server.data_dir;
  if (!dataDir) throw invalid("data_dir must be configured");
  if (plugins === undefined) throw invalid("plugins section must be configured");
  const trustDomain = named("trust_domain", trustDomainText, parseTrustDomain);
  const missing = missingFeatures(
    { ...server, log_source_location: flags.logSourceLocation || server.log_source_location },
    telemetry,
  );
  checkExperimental(server);
  const caKeyType = keyTypeOf("ca_key_type", server.ca_key_type) ?? "ec-p256";
  const caTtlMs = ttlOf(server, "ca_ttl") ?? 24 * hourMs;
  const x509SvidTtlMs = ttlOf(server, "default_x509_svid_ttl") ?? hourMs;
  const jwtSvidTtlMs = ttlOf(server, "default_jwt_svid_ttl") ?? 5 * 60_000;
  const agentTtlMs = ttlOf(server, "agent_ttl");
  const subject = subjectOf(server);
  const pruneForMs = server.prune_attested_nodes_expired_for;
  return {
    trustDomain,
    bindAddress: (flags.bindAddress || server.bind_address || "0.0.0.0").replace(/^\[(.*)\]$/, "$1"),
    bindPort: flags.serverPort || (server.bind_port ?? 8081),
    socketPath: flags.socketPath || server.socket_path || defaultServerSocketPath,
    dataDir,
    log: parseLogSettings({
      file: flags.logFile || server.log_file,
      level: flags.logLevel || server.log_level,
      format: flags.logFormat || server.log_format,
    }),
    auditLogEnabled: server.audit_log_enabled ?? false,
    adminIds: server.admin_ids.map((id) => named("admin ID", id, parseSpiffeId)),
    credentials: {
      trustDomain,
      caTtlMs,
      caSubject: subject ?? { country: ["US"], organization: ["SPIFFE"] },
      x509SvidTtlMs,
      agentX509SvidTtlMs: agentTtlMs ?? x509SvidTtlMs,
      jwtSvidTtlMs,
      jwtIssuer: server.jwt_issuer || undefined,
    },
    caKeyType,
    jwtKeyType: keyTypeOf("jwt_key_type", server.jwt_key_type) ?? caKeyType,
    disableJwtSvids: server.disable_jwt_svids ?? false,
    rateLimits: {
      attestation: server.ratelimit?.attestation ?? true,
      signing: server.ratelimit?.signing ?? true,
    },
    agentSpiffeIdAsSelector: server.experimental?.agent_spiffe_id_as_selector ?? false,
    pruneNodes:
      pruneForMs === undefined
        ? undefined
        : {
            expiredForMs: pruneForMs,
            includeNonReattestable: server.prune_tofu_nodes ?? false,
            batchSize: server.prune_attested_nodes_batch_size || 1000,
          },
    healthChecks: health_checks,
    plugins: withStore(plugins, { folder: server.plugin_store ?? "", lockFile: server.plugin_lock ?? "" }),
    missing,
    warnings: [
      ...warningsOf(missing),
      ...ttlWarnings(caTtlMs, [
        ["default_x509_svid_ttl", x509SvidTtlMs],
        ["default_jwt_svid_ttl", jwtSvidTtlMs],
        ...(agentTtlMs === undefined ? [] : [["agent_ttl", agentTtlMs] as const]),
      ]),
      ...(server.ca_subject !== undefined && subject === undefined
        ? ["ca_subject is set but empty; the default will be used"]
        : []),
      ...experimentalWarnings(server),
      ...(server.disable_jwt_svids ? ["JWT-SVID profile is disabled"] : []),
    ],
  };
}

type ServerBlock = Decoded<typeof serverFields>;

function checkExperimental({ experimental }: ServerBlock): void {
  if (experimental?.named_pipe_name)
    throw invalid(
      "invalid configuration: named_pipe_name is not supported in this platform; please use socket_path instead",
    );
  if (experimental?.sql_transaction_timeout !== undefined && experimental.event_timeout !== undefined)
    throw invalid("both experimental sql_transaction_timeout and event_timeout set, only set event_timeout");
}

function experimentalWarnings({ experimental }: ServerBlock): readonly string[] {
  if (experimental === undefined) return [];
  return [
    "Experimental features have been enabled",
    ...(experimental.sql_transaction_timeout === undefined
      ? []
      : ["experimental.sql_transaction_timeout is deprecated, use experimental.event_timeout instead"]),
  ];
}

/** As in SPIRE, a TTL of nothing is the default. */
function ttlOf(
  server: ServerBlock,
  key: "agent_ttl" | "ca_ttl" | "default_jwt_svid_ttl" | "default_x509_svid_ttl",
): number | undefined {
  const ttlMs = server[key];
  if (ttlMs !== undefined && ttlMs < 0) throw invalid(`${key} must not be negative`);
  return ttlMs || undefined;
}

function subjectOf({ ca_subject }: ServerBlock): DistinguishedName | undefined {
  if (ca_subject === undefined) return undefined;
  const { country, organization, common_name: commonName } = ca_subject;
  if (country.length + organization.length === 0 && !commonName) return undefined;
  return { country, organization, ...(commonName && { commonName }) };
}

function keyTypeOf(key: string, value: string | undefined): KeyType | undefined {
  if (!value) return undefined;
  const lower = value.toLowerCase();
  if (!keyTypes.has(lower))
    throw invalid(
      `error parsing ${key}: key type "${value}" is unknown; must be one of [${[...keyTypes].join(", ")}]`,
    );
  return lower as KeyType;
}
