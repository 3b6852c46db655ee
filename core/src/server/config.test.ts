import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, it } from "node:test";
import { parseTrustDomain } from "@finial/sdk/spiffe";
import { refuseMissing } from "../kernel/config/feature.ts";
import { serverFields } from "./config/server-block.ts";
import type { ServerFlags } from "./config/server-flags.ts";
import { parseServerConfig, type ServerConfig } from "./config.ts";

const conf = join(import.meta.dirname, "..", "..", "..", "conf", "server");
const trustDomain = parseTrustDomain("example.org");

/** A server block of the required keys, and these. */
const withServer = (lines: string, rest = ""): string =>
  `server {\n  trust_domain = "example.org"\n  data_dir = "data"\n${lines}\n}\nplugins {}\n${rest}`;
const parse = (text: string, flags: ServerFlags = {}): ServerConfig =>
  parseServerConfig(text, { filename: "server.conf", flags });

const defaults: ServerConfig = {
  trustDomain,
  bindAddress: "0.0.0.0",
  bindPort: 8081,
  socketPath: "/tmp/spire-server/private/api.sock",
  dataDir: "data",
  log: { file: undefined, level: "info", format: "text" },
  auditLogEnabled: false,
  adminIds: [],
  credentials: {
    trustDomain,
    caTtlMs: 86_400_000,
    caSubject: { country: ["US"], organization: ["SPIFFE"] },
    x509SvidTtlMs: 3_600_000,
    agentX509SvidTtlMs: 3_600_000,
    jwtSvidTtlMs: 300_000,
    jwtIssuer: undefined,
  },
  caKeyType: "ec-p256",
  jwtKeyType: "ec-p256",
  disableJwtSvids: false,
  rateLimits: { attestation: true, signing: true },
  agentSpiffeIdAsSelector: false,
  pruneNodes: undefined,
  healthChecks: undefined,
  plugins: [],
  missing: [],
  warnings: [],
};

describe("parseServerConfig()", () => {
  it("has SPIRE's defaults", () => {
    assert.deepEqual(parse(withServer("")), defaults);
  });

  it("reads every key that has an effect", () => {
    const { adminIds, ...config } = parse(
      withServer(
        `
  admin_ids = ["spiffe://example.org/admin", "spiffe://other.example/admin"]
  agent_ttl = "2h"
  audit_log_enabled = true
  bind_address = "[::1]"
  bind_port = 9081
  ca_key_type = "RSA-2048"
  ca_subject { country = ["DE"] organization = ["Example"] common_name = "Root" }
  ca_ttl = "72h"
  default_x509_svid_ttl = "30m"
  default_jwt_svid_ttl = "1m30s"
  disable_jwt_svids = true
  experimental { agent_spiffe_id_as_selector = true }
  jwt_issuer = "https://issuer.example.org"
  jwt_key_type = "ec-p384"
  log_file = "server.log"
  log_level = "warn"
  log_format = "JSON"
  prune_attested_nodes_expired_for = "720h"
  prune_attested_nodes_batch_size = 10
  prune_tofu_nodes = true
  ratelimit { attestation = false signing = false }
  socket_path = "/run/server.sock"`,
        'health_checks { listener_enabled = true bind_port = 8080 live_path = "/l" }',
      ),
    );
    assert.deepEqual(adminIds.map(String), ["spiffe://example.org/admin", "spiffe://other.example/admin"]);
    assert.deepEqual(config, {
      trustDomain,
      bindAddress: "::1",
      bindPort: 9081,
      socketPath: "/run/server.sock",
      dataDir: "data",
      log: { file: "server.log", level: "warn", format: "json" },
      auditLogEnabled: true,
      credentials: {
        trustDomain,
        caTtlMs: 72 * 3_600_000,
        caSubject: { country: ["DE"], organization: ["Example"], commonName: "Root" },
        x509SvidTtlMs: 1_800_000,
        agentX509SvidTtlMs: 7_200_000,
        jwtSvidTtlMs: 90_000,
        jwtIssuer: "https://issuer.example.org",
      },
      caKeyType: "rsa-2048",
      jwtKeyType: "ec-p384",
      disableJwtSvids: true,
      rateLimits: { attestation: false, signing: false },
      agentSpiffeIdAsSelector: true,
      pruneNodes: { expiredForMs: 720 * 3_600_000, includeNonReattestable: true, batchSize: 10 },
      healthChecks: { address: "localhost", port: 8080, livePath: "/l", readyPath: "/ready" },
      plugins: [],
      missing: [],
      warnings: ["Experimental features have been enabled", "JWT-SVID profile is disabled"],
    });
  });

  it("lets the command line win over the file", () => {
    const config = parse(
      withServer('bind_address = "a"\nbind_port = 1\nlog_level = "ERROR"\nsocket_path = "/a"'),
      {
        bindAddress: "127.0.0.1",
        serverPort: 2,
        dataDir: "elsewhere",
        logFile: "l",
        logFormat: "json",
        logLevel: "DEBUG",
        trustDomain: "other.example",
        socketPath: "/b",
      },
    );
    assert.deepEqual(
      [
        config.bindAddress,
        config.bindPort,
        config.dataDir,
        config.log,
        config.trustDomain.name,
        config.socketPath,
      ],
      ["127.0.0.1", 2, "elsewhere", { file: "l", level: "debug", format: "json" }, "other.example", "/b"],
    );
  });

  it("reads the JSON form", () => {
    const text = JSON.stringify({
      server: { trust_domain: "example.org", data_dir: "data", ca_subject: { country: ["DE"] } },
      plugins: { KeyManager: { memory: { plugin_data: {} } } },
    });
    const { credentials, plugins } = parse(text);
    assert.deepEqual(
      [credentials.caSubject, plugins.map(({ type, name }) => `${type} ${name}`)],
      [{ country: ["DE"], organization: [] }, ["KeyManager memory"]],
    );
  });

  for (const [text, message] of [
    ["plugins {}", "server section must be configured"],
    ['server { data_dir = "x" }\nplugins {}', "trust_domain must be configured"],
    ['server { trust_domain = "example.org" }\nplugins {}', "data_dir must be configured"],
    ['server { trust_domain = "example.org" data_dir = "x" }', "plugins section must be configured"],
    [
      withServer('bind_adress = "x"'),
      'server.conf:4:1: unknown key "bind_adress" in server; did you mean "bind_address"?',
    ],
    [
      withServer("ca_subject { county = [] }"),
      'server.conf:4:14: unknown key "county" in server.ca_subject; did you mean "country"?',
    ],
    [
      withServer("", "telemetry { Prometheus { hots = 1 } }"),
      'server.conf:7:26: unknown key "hots" in telemetry.Prometheus; did you mean "host"?',
    ],
    [
      withServer("bind_port = 70000"),
      "server.conf:4:13: server.bind_port takes a port from 0 to 65535, not 70000",
    ],
    [
      withServer('ca_ttl = "1 day"'),
      'server.conf:4:10: server.ca_ttl takes a duration such as "1h30m", not "1 day"',
    ],
    [withServer('ca_ttl = "-1h"'), "ca_ttl must not be negative"],
    [
      withServer('ca_key_type = "rsa-1024"'),
      'error parsing ca_key_type: key type "rsa-1024" is unknown; must be one of [ec-p256, ec-p384, rsa-2048, rsa-4096]',
    ],
    [
      withServer('admin_ids = ["example.org/x"]'),
      'could not parse admin ID "example.org/x": scheme is missing or invalid',
    ],
    [
      withServer('experimental { event_timeout = "1m" sql_transaction_timeout = "1m" }'),
      "both experimental sql_transaction_timeout and event_timeout set, only set event_timeout",
    ],
    [
      withServer('experimental { named_pipe_name = "x" }'),
      "invalid configuration: named_pipe_name is not supported in this platform; please use socket_path instead",
    ],
    [
      withServer('log_level = "loud"'),
      'could not start logger: not a valid logrus Level: "loud"; it is one of ERROR, WARN, INFO, DEBUG and TRACE',
    ],
  ] as const)
    it(`refuses with: ${message}`, () => {
      assert.throws(() => parse(text), { message });
    });

  for (const [lines, warnings] of [
    [
      'default_x509_svid_ttl = "5h"',
      [
        "default_x509_svid_ttl is too high for the configured ca_ttl value. SVIDs with shorter lifetimes may be issued. Please set default_x509_svid_ttl to 4h or less, or the ca_ttl to 30h or more, to guarantee the full default_x509_svid_ttl lifetime when CA rotations are scheduled.",
      ],
    ],
    [
      'agent_ttl = "192h"',
      [
        "agent_ttl is too high and the ca_ttl is too low. SVIDs with shorter lifetimes may be issued. Please set agent_ttl to 168h or less, and the ca_ttl to 1008h or more, to guarantee the full agent_ttl lifetime when CA rotations are scheduled.",
      ],
    ],
    [
      'default_jwt_svid_ttl = "169h"\nca_ttl = "2000h"',
      [
        "default_jwt_svid_ttl is too high. SVIDs with shorter lifetimes may be issued. Please set default_jwt_svid_ttl to 168h or less to guarantee the full default_jwt_svid_ttl lifetime when CA rotations are scheduled.",
      ],
    ],
    ['default_x509_svid_ttl = "4h"', []],
    ["ca_subject {}", ["ca_subject is set but empty; the default will be used"]],
    [
      "profiling_enabled = true",
      ["server.profiling_enabled is not supported by this version of Finial; it is ignored"],
    ],
  ] as const)
    it(`warns about ${lines}`, () => {
      assert.deepEqual(parse(withServer(lines)).warnings, warnings);
    });

  it("names what this version does not have, for the run to refuse", () => {
    const { missing } = parse(
      withServer(`
  federation {
    bundle_endpoint { port = 8443 profile "https_spiffe" {} }
    federates_with "a.example" { bundle_endpoint_url = "https://a.example" bundle_endpoint_profile "https_web" {} }
  }
  experimental { require_pq_kem = true auth_opa_policy_engine { local { rego_path = "x" policy_data_path = "y" } } }
  proxy_protocol_trusted_cidrs = ["192.0.2.0/24"]`),
    );
    assert.deepEqual(
      missing.map(({ key, effect }) => `${effect} ${key}`),
      [
        "refuse server.experimental.auth_opa_policy_engine",
        "refuse server.experimental.require_pq_kem",
        "refuse server.federation.bundle_endpoint",
        "refuse server.federation.federates_with",
        "refuse server.proxy_protocol_trusted_cidrs",
      ],
    );
    assert.throws(() => refuseMissing(missing), { reason: "FEATURE_MISSING" });
  });

  for (const name of ["server.conf", "server_full.conf"])
    it(`loads ${name}, which needs nothing that is missing`, () => {
      const config = parseServerConfig(readFileSync(join(conf, name), "utf8"), { filename: name });
      assert.deepEqual(
        [config.trustDomain.name, config.missing, config.plugins.filter(({ enabled }) => enabled).length],
        ["example.org", [], 3],
      );
    });

  it("finds every key in server_full.conf, each right where it is switched on", () => {
    const text = readFileSync(join(conf, "server_full.conf"), "utf8").replaceAll(/^(\s*)#(?=\S)/gm, "$1");
    parseServerConfig(text, { filename: "server_full.conf" });
    const absent = Object.keys(serverFields).filter((key) => !new RegExp(`^\\s*${key}\\b`, "m").test(text));
    assert.deepEqual(absent, []);
  });

  it("loads what looks like SPIRE's own samples", () => {
    const config = parse(`
# A comment.
server {
    bind_address = "127.0.0.1"
    bind_port = "8081"
    ca_subject { country = ["US"], organization = ["SPIFFE"], common_name = "", }
    data_dir = "./.data"
    federation {
        bundle_endpoint {
            address = "0.0.0.0"
            port = 8443
            refresh_hint = "5m"
            profile "https_web" { acme { domain_name = "example.org" email = "me@example.org" } }
        }
    }
    trust_domain = "example.org"
}
plugins {
    KeyManager "memory" { plugin_data = {} }
    Notifier "k8sbundle" {}
    KeyManager "vault" { plugin_data { cert_auth = { client_key_path = "x" } } }
}`);
    assert.deepEqual(
      config.plugins.map(({ type, name, configText }) => [type, name, configText]),
      [
        ["KeyManager", "memory", ""],
        ["Notifier", "k8sbundle", undefined],
        ["KeyManager", "vault", 'cert_auth = {\n  client_key_path = "x"\n}\n'],
      ],
    );
  });
});
