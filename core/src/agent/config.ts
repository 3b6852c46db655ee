import { resolve } from "node:path";
import { block, type Decoded, decodeConfig } from "@finial/sdk/hcl";
import { parseSpiffeId, parseTrustDomain, type SpiffeId, type TrustDomain } from "@finial/sdk/spiffe";
import type { PluginBlock } from "../kernel/catalog/plugin-block.ts";
import { type MissingFeature, warningsOf } from "../kernel/config/feature.ts";
import { type HealthListenerConfig, healthChecksBlock } from "../kernel/config/health-checks-block.ts";
import { invalid, named } from "../kernel/config/invalid.ts";
import { type LogSettings, parseLogSettings } from "../kernel/config/log-settings.ts";
import { pluginsBlock, withStore } from "../kernel/config/plugins-block.ts";
import { telemetryBlock } from "../kernel/config/telemetry-block.ts";
import { agentFields } from "./config/agent-block.ts";
import type { AgentFlags } from "./config/agent-flags.ts";
import { agentWarnings } from "./config/agent-warnings.ts";
import { type BootstrapSource, chooseBootstrapSource } from "./config/bootstrap.ts";
import { checkBroker } from "./config/broker.ts";
import { readJoinToken } from "./config/join-token.ts";
import { missingFeatures } from "./config/missing-features.ts";
import { readRateLimits, type WorkloadRateLimits } from "./config/rate-limits.ts";
import { type RebootstrapPolicy, readRebootstrapPolicy } from "./config/rebootstrap.ts";
import { checkApart } from "./config/socket-paths.ts";
import {
  checkAvailabilityTarget,
  checkCacheHitTimeout,
  checkCacheSize,
  parseWorkloadKeyType,
  type WorkloadKeyType,
} from "./config/svid-settings.ts";

/** An agent's configuration, checked. */
export interface AgentConfig {
  readonly trustDomain: TrustDomain;
  /** Host name or IP address. */
  readonly serverAddress: string;
  readonly serverPort: number;
  /** Of the Workload API and SDS; undefined when both are disabled. */
  readonly socketPath: string | undefined;
  readonly disableWorkloadApi: boolean;
  readonly disableSdsApi: boolean;
  /** Absent: no admin API. */
  readonly adminSocketPath: string | undefined;
  readonly dataDir: string;
  readonly log: LogSettings;
  /** Prefixes, such as `k8s:ns`, of selectors that may be logged. */
  readonly logSelectors: readonly string[];
  readonly bootstrap: BootstrapSource;
  readonly rebootstrap: RebootstrapPolicy;
  readonly joinToken: string | undefined;
  readonly allowUnauthenticatedVerifiers: boolean;
  readonly allowedForeignJwtClaims: readonly string[];
  readonly authorizedDelegates: readonly SpiffeId[];
  /** At least a day; absent: SVIDs are renewed in the middle of their life. */
  readonly availabilityTargetMs: number | undefined;
  readonly x509SvidCacheMaxSize: number;
  readonly jwtSvidCacheMaxSize: number;
  readonly workloadKeyType: WorkloadKeyType;
  readonly syncIntervalMs: number;
  /** How long a cached JWT-SVID is still tried for; from 5 s to below 30 s, or 30 s when not set. */
  readonly jwtSvidCacheHitTimeoutMs: number;
  /** False: the whole list of entries at every sync, as older servers need it. */
  readonly useSyncAuthorizedEntries: boolean;
  readonly rateLimits: WorkloadRateLimits;
  readonly healthChecks: HealthListenerConfig | undefined;
  readonly plugins: readonly PluginBlock[];
  /** Keys that ask for what this version does not have; `refuseMissing` ends the run where going on would be worse. */
  readonly missing: readonly MissingFeature[];
  /** Sentences for the log. */
  readonly warnings: readonly string[];
}

export const defaultAgentSocketPath = "/tmp/spire-agent/public/api.sock";

const fields = {
  agent: block(agentFields),
  plugins: pluginsBlock(),
  telemetry: telemetryBlock(),
  health_checks: healthChecksBlock(),
};

/**
 * Reads an agent's configuration, and the join token's file if it names one.
 *
 * @throws {StatusError} InvalidArgument with every problem, a line each: file, line and column, the key, and what would be right.
 */
export function parseAgentConfig(
  text: string,
  options: { readonly filename: string; readonly flags?: AgentFlags },
): AgentConfig {
  const { flags = {}, filename } = options;
  const { agent, plugins, telemetry, health_checks } = decodeConfig(text, fields, { filename });
  if (plugins === undefined) throw invalid("plugins section must be configured");
  if (agent === undefined) throw invalid("agent section must be configured");
  const joinToken = flags.joinToken || agent.join_token;
  const joinTokenFile = flags.joinTokenFile || agent.join_token_file;
  if (joinToken && joinTokenFile)
    throw invalid("only one of join_token or join_token_file can be specified, not both");
  const serverAddress = required("server_address", flags.serverAddress || agent.server_address);
  const serverPort = required("server_port", flags.serverPort || agent.server_port);
  const trustDomainText = required("trust_domain", flags.trustDomain || agent.trust_domain);
  const insecureBootstrap = (flags.insecureBootstrap || agent.insecure_bootstrap) ?? false;
  const bootstrap = chooseBootstrapSource({
    insecureBootstrap,
    path: flags.trustBundle || agent.trust_bundle_path,
    url: flags.trustBundleUrl || agent.trust_bundle_url,
    unixSocket: agent.trust_bundle_unix_socket,
    workloadApi: agent.trust_bundle_spiffe_workload_api,
    format: flags.trustBundleFormat || agent.trust_bundle_format,
  });
  checkPlatform(agent);
  const trustDomain = named("trust_domain", trustDomainText, parseTrustDomain);
  const { experimental } = agent;
  const disableWorkloadApi = (flags.disableWorkloadApi || agent.disable_workload_api) ?? false;
  const disableSdsApi = (flags.disableSdsApi || agent.disable_sds_api) ?? false;
  const socketPath =
    disableWorkloadApi && disableSdsApi
      ? undefined
      : resolve(flags.socketPath || agent.socket_path || defaultAgentSocketPath);
  if (experimental?.broker !== undefined) {
    checkBroker(experimental.broker);
    checkApart("broker", experimental.broker.socket_path, socketPath);
  }
  const missing = missingFeatures(
    { ...agent, log_source_location: flags.logSourceLocation || agent.log_source_location },
    telemetry,
  );
  return {
    trustDomain,
    serverAddress,
    serverPort,
    socketPath,
    disableWorkloadApi,
    disableSdsApi,
    adminSocketPath: checkApart("admin", agent.admin_socket_path, socketPath),
    dataDir: flags.dataDir || agent.data_dir || ".",
    log: parseLogSettings({
      file: flags.logFile || agent.log_file,
      level: flags.logLevel || agent.log_level,
      format: flags.logFormat || agent.log_format,
    }),
    logSelectors: agent.log_selectors,
    bootstrap,
    rebootstrap: readRebootstrapPolicy(
      flags.rebootstrapMode || agent.rebootstrap_mode,
      flags.rebootstrapDelay || agent.rebootstrap_delay,
      insecureBootstrap,
    ),
    joinToken: joinTokenFile ? readJoinToken(joinTokenFile) : joinToken || undefined,
    allowUnauthenticatedVerifiers:
      (flags.allowUnauthenticatedVerifiers || agent.allow_unauthenticated_verifiers) ?? false,
    allowedForeignJwtClaims: agent.allowed_foreign_jwt_claims,
    authorizedDelegates: agent.authorized_delegates.map((id) => parseDelegate(id, trustDomain)),
    availabilityTargetMs: checkAvailabilityTarget(agent.availability_target),
    x509SvidCacheMaxSize: checkCacheSize("x509_svid_cache_max_size", agent.x509_svid_cache_max_size),
    jwtSvidCacheMaxSize: checkCacheSize("jwt_svid_cache_max_size", agent.jwt_svid_cache_max_size),
    workloadKeyType: parseWorkloadKeyType(agent.workload_x509_svid_key_type),
    syncIntervalMs: experimental?.sync_interval || 5_000,
    jwtSvidCacheHitTimeoutMs: checkCacheHitTimeout(experimental?.jwt_svid_cache_hit_timeout),
    useSyncAuthorizedEntries: experimental?.use_sync_authorized_entries ?? true,
    rateLimits: readRateLimits(experimental?.ratelimit),
    healthChecks: health_checks,
    plugins: withStore(plugins, { folder: agent.plugin_store ?? "", lockFile: agent.plugin_lock ?? "" }),
    missing,
    warnings: [...warningsOf(missing), ...agentWarnings(agent)],
  };
}

type AgentBlock = Decoded<typeof agentFields>;

function required<T>(key: string, value: T | undefined): NonNullable<T> {
  if (!value) throw invalid(`${key} must be configured`);
  return value;
}

function checkPlatform({ experimental }: AgentBlock): void {
  for (const [pipe, path] of [
    ["named_pipe_name", "socket_path"],
    ["admin_named_pipe_name", "admin_socket_path"],
  ] as const)
    if (experimental?.[pipe])
      throw invalid(
        `invalid configuration: ${pipe} is not supported in this platform; please use ${path} instead`,
      );
}

function parseDelegate(text: string, trustDomain: TrustDomain): SpiffeId {
  const id = named("authorized delegate", text, parseSpiffeId);
  if (!id.trustDomain.equals(trustDomain))
    throw invalid(
      `error validating authorized delegate: "${text}" is not a member of trust domain "${trustDomain.name}"`,
    );
  return id;
}
