import assert from "node:assert/strict";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, describe, it } from "node:test";
import { parseTrustDomain } from "@finial/sdk/spiffe";
import { refuseMissing } from "../kernel/config/feature.ts";
import { agentFields } from "./config/agent-block.ts";
import type { AgentFlags } from "./config/agent-flags.ts";
import { type AgentConfig, parseAgentConfig } from "./config.ts";

const conf = join(import.meta.dirname, "..", "..", "..", "conf", "agent");
const folder = mkdtempSync(join(tmpdir(), "finial-agent-config-"));
after(() => rmSync(folder, { recursive: true }));

const required = 'trust_domain = "example.org"\nserver_address = "server.example.org"\nserver_port = 8081\n';
const file = 'trust_bundle_path = "bundle.pem"\n';
/** An agent block of the required keys, and these. */
const withAgent = (lines: string): string => `agent {\n${required}${lines}\n}\nplugins {}\n`;
const parse = (text: string, flags: AgentFlags = {}): AgentConfig =>
  parseAgentConfig(text, { filename: "agent.conf", flags });

const defaults: AgentConfig = {
  trustDomain: parseTrustDomain("example.org"),
  serverAddress: "server.example.org",
  serverPort: 8081,
  socketPath: "/tmp/spire-agent/public/api.sock",
  disableWorkloadApi: false,
  disableSdsApi: false,
  adminSocketPath: undefined,
  dataDir: ".",
  log: { file: undefined, level: "info", format: "text" },
  logSelectors: [],
  bootstrap: { kind: "file", path: "bundle.pem", format: "pem" },
  rebootstrap: { mode: "never", delayMs: 600_000 },
  joinToken: undefined,
  allowUnauthenticatedVerifiers: false,
  allowedForeignJwtClaims: [],
  authorizedDelegates: [],
  availabilityTargetMs: undefined,
  x509SvidCacheMaxSize: 1000,
  jwtSvidCacheMaxSize: 1000,
  workloadKeyType: "ec-p256",
  syncIntervalMs: 5000,
  jwtSvidCacheHitTimeoutMs: 30_000,
  useSyncAuthorizedEntries: true,
  rateLimits: {
    fetchX509Svid: 0,
    fetchJwtSvid: 0,
    fetchX509Bundles: 0,
    fetchJwtBundles: 0,
    streamSecrets: 0,
    fetchSecrets: 0,
  },
  healthChecks: undefined,
  plugins: [],
  missing: [],
  warnings: [],
};

describe("parseAgentConfig()", () => {
  it("has SPIRE's defaults", () => {
    assert.deepEqual(parse(withAgent(file)), defaults);
  });

  it("reads every key, and says of those that have no effect yet", () => {
    const tokenFile = join(folder, "token");
    writeFileSync(tokenFile, " the-token\n");
    const { authorizedDelegates, ...config } = parse(
      withAgent(`
  admin_socket_path = "/run/private/admin.sock"
  allow_unauthenticated_verifiers = true
  allowed_foreign_jwt_claims = ["email"]
  authorized_delegates = ["spiffe://example.org/delegate"]
  availability_target = "24h"
  data_dir = "data"
  disable_sds_api = true
  experimental {
    sync_interval = "1s"
    jwt_svid_cache_hit_timeout = "5s"
    use_sync_authorized_entries = false
    ratelimit { fetch_x509_svid = 3 fetch_secrets = 4 }
  }
  join_token_file = "${tokenFile}"
  jwt_svid_cache_max_size = 7
  log_selectors = ["unix:uid"]
  rebootstrap_delay = "1m"
  rebootstrap_mode = "auto"
  socket_path = "/run/public/api.sock"
  trust_bundle_url = "http://localhost/bundle"
  trust_bundle_unix_socket = "/run/bundle.sock"
  trust_bundle_format = "spiffe"
  workload_x509_svid_key_type = "RSA-2048"
  x509_svid_cache_max_size = 8`),
    );
    assert.deepEqual(authorizedDelegates.map(String), ["spiffe://example.org/delegate"]);
    const { authorizedDelegates: _, ...defaultsLeft } = defaults;
    assert.deepEqual(config, {
      ...defaultsLeft,
      adminSocketPath: "/run/private/admin.sock",
      allowUnauthenticatedVerifiers: true,
      allowedForeignJwtClaims: ["email"],
      availabilityTargetMs: 86_400_000,
      bootstrap: {
        kind: "url",
        url: new URL("http://localhost/bundle"),
        unixSocketPath: "/run/bundle.sock",
        format: "spiffe",
      },
      dataDir: "data",
      disableSdsApi: true,
      syncIntervalMs: 1000,
      jwtSvidCacheHitTimeoutMs: 5000,
      useSyncAuthorizedEntries: false,
      rateLimits: { ...defaults.rateLimits, fetchX509Svid: 3, fetchSecrets: 4 },
      joinToken: "the-token",
      jwtSvidCacheMaxSize: 7,
      logSelectors: ["unix:uid"],
      rebootstrap: { mode: "auto", delayMs: 60_000 },
      socketPath: "/run/public/api.sock",
      workloadKeyType: "rsa-2048",
      x509SvidCacheMaxSize: 8,
      missing: [{ key: "agent.authorized_delegates", effect: "warn" }],
      warnings: [
        "agent.authorized_delegates is not supported by this version of Finial; it is ignored",
        "The use of 'jwt_svid_cache_hit_timeout' is experimental",
        "The 'use_sync_authorized_entries' configuration is deprecated",
        "Experimental features have been enabled",
      ],
    });
  });

  it("lets the command line win over the file", () => {
    const config = parse(withAgent(`${file}join_token = "file"\nlog_level = "ERROR"\nsocket_path = "/a/a"`), {
      dataDir: "elsewhere",
      joinToken: "flag",
      logLevel: "DEBUG",
      serverAddress: "other.example.org",
      serverPort: 1,
      socketPath: "/b/b",
      trustDomain: "other.example",
      trustBundle: "other.pem",
      rebootstrapMode: "always",
      rebootstrapDelay: "30s",
      allowUnauthenticatedVerifiers: true,
      disableSdsApi: true,
    });
    assert.deepEqual(config, {
      ...defaults,
      dataDir: "elsewhere",
      joinToken: "flag",
      log: { file: undefined, level: "debug", format: "text" },
      serverAddress: "other.example.org",
      serverPort: 1,
      socketPath: "/b/b",
      trustDomain: parseTrustDomain("other.example"),
      bootstrap: { kind: "file", path: "other.pem", format: "pem" },
      rebootstrap: { mode: "always", delayMs: 30_000 },
      allowUnauthenticatedVerifiers: true,
      disableSdsApi: true,
    });
  });

  for (const [lines, bootstrap] of [
    ["insecure_bootstrap = true", { kind: "insecure" }],
    [
      'trust_bundle_url = "https://example.org/b"',
      { kind: "url", url: new URL("https://example.org/b"), unixSocketPath: undefined, format: "pem" },
    ],
    [
      'trust_bundle_spiffe_workload_api = "unix:///run/a.sock"',
      { kind: "workloadApi", address: "unix:///run/a.sock" },
    ],
  ] as const)
    it(`bootstraps from ${lines}`, () => {
      assert.deepEqual(parse(withAgent(lines)).bootstrap, bootstrap);
    });

  it("has no socket when both of its APIs are disabled", () => {
    const text = withAgent(`${file}disable_sds_api = true\ndisable_workload_api = true`);
    assert.equal(parse(text).socketPath, undefined);
  });

  const one = (...keys: string[]): string => `only one of ${keys.join(" or ")} can be specified, not both`;
  const workloadApi = 'trust_bundle_spiffe_workload_api = "unix:///run/a.sock"\n';
  const notAddress =
    "trust_bundle_spiffe_workload_api is not a valid SPIFFE Workload API endpoint address: workload endpoint";
  for (const [lines, message] of [
    [`${file}join_token = "a"\njoin_token_file = "b"`, one("join_token", "join_token_file")],
    [
      "",
      "trust_bundle_path, trust_bundle_url, or trust_bundle_spiffe_workload_api must be configured unless insecure_bootstrap is set",
    ],
    [
      `${file}insecure_bootstrap = true\ntrust_bundle_url = "https://a"`,
      "only one of insecure_bootstrap, trust_bundle_url, or trust_bundle_path can be specified, not the three options",
    ],
    [`${file}insecure_bootstrap = true`, one("insecure_bootstrap", "trust_bundle_path")],
    [
      'insecure_bootstrap = true\ntrust_bundle_url = "https://a"',
      one("insecure_bootstrap", "trust_bundle_url"),
    ],
    [`${file}trust_bundle_url = "https://a"`, one("trust_bundle_url", "trust_bundle_path")],
    [
      `${workloadApi}insecure_bootstrap = true`,
      one("insecure_bootstrap", "trust_bundle_spiffe_workload_api"),
    ],
    [`${workloadApi}${file}`, one("trust_bundle_path", "trust_bundle_spiffe_workload_api")],
    [
      `${workloadApi}trust_bundle_unix_socket = "/x"`,
      "trust_bundle_unix_socket can not be used with trust_bundle_spiffe_workload_api",
    ],
    [
      'trust_bundle_spiffe_workload_api = "/run/a"',
      `${notAddress} socket URI must have a "tcp" or "unix" scheme`,
    ],
    ['trust_bundle_spiffe_workload_api = "unix:a"', `${notAddress} unix socket URI must not be opaque`],
    [
      'trust_bundle_spiffe_workload_api = "tcp://name:1"',
      `${notAddress} tcp socket URI host component must be an IP:port`,
    ],
    [
      'trust_bundle_spiffe_workload_api = "tcp://127.0.0.1"',
      `${notAddress} tcp socket URI host component must include a port`,
    ],
    ['trust_bundle_url = "http://a"', "trust bundle URL must start with https://"],
    [
      'trust_bundle_url = "https://a"\ntrust_bundle_unix_socket = "/x"',
      "trust bundle URL must start with http:// when used with trust bundle unix socket",
    ],
    [
      'trust_bundle_url = "http://a?spire-x=1"\ntrust_bundle_unix_socket = "/x"',
      "trust_bundle_url query params can not start with spire-",
    ],
    [
      `${file}trust_bundle_unix_socket = "/x"`,
      "if trust_bundle_unix_socket is specified, so must be trust_bundle_url",
    ],
    [
      `${file}trust_bundle_format = "der"`,
      'invalid value for trust_bundle_format, expected "pem" or "spiffe"',
    ],
    [
      `${file}rebootstrap_mode = "maybe"`,
      "unknown rebootstrap mode specified: maybe; it is one of never, auto and always",
    ],
    [
      'insecure_bootstrap = true\nrebootstrap_mode = "auto"',
      "insecure_bootstrap option can not be used with rebootstrapping",
    ],
    [`${file}availability_target = "23h"`, "availability_target must be at least 24h0m0s"],
    [`${file}x509_svid_cache_max_size = -1`, "x509_svid_cache_max_size should not be negative"],
    [
      `${file}experimental { jwt_svid_cache_hit_timeout = "4s" }`,
      "jwt_svid_cache_hit_timeout (4s) must be greater than 5s",
    ],
    [
      `${file}experimental { jwt_svid_cache_hit_timeout = "30s" }`,
      "jwt_svid_cache_hit_timeout (30s) must be less than 30s",
    ],
    [
      `${file}experimental { ratelimit { fetch_secrets = -1 } }`,
      "experimental.ratelimit.fetch_secrets must not be negative",
    ],
    [
      `${file}workload_x509_svid_key_type = "rsa-4096"`,
      'key type "rsa-4096" is unknown; must be one of [rsa-2048, ec-p256, ec-p384]',
    ],
    [
      `${file}admin_socket_path = "/tmp/spire-agent/public/admin/a.sock"`,
      "admin socket cannot be in the same directory or a subdirectory as that containing the Workload API socket",
    ],
    [
      `${file}authorized_delegates = ["spiffe://other.example/a"]`,
      'error validating authorized delegate: "spiffe://other.example/a" is not a member of trust domain "example.org"',
    ],
    [
      `${file}experimental { admin_named_pipe_name = "x" }`,
      "invalid configuration: admin_named_pipe_name is not supported in this platform; please use admin_socket_path instead",
    ],
    [`${file}experimental { broker {} }`, "experimental.broker requires socket_path, bind_address, or both"],
    [
      `${file}experimental { broker { bind_address = "x:1" brokers = [{ id = "spiffe://a/b" allowed_reference_types = [{ type_url = "*" }, { type_url = "b" }] }] } }`,
      'experimental.broker.brokers[spiffe://a/b].allowed_reference_types: wildcard "*" must be the only allowed reference type',
    ],
    [
      'trust_bundle_pat = "x"',
      'agent.conf:5:1: unknown key "trust_bundle_pat" in agent; did you mean "trust_bundle_path"?',
    ],
  ] as const)
    it(`refuses with: ${message}`, () => {
      assert.throws(() => parse(withAgent(lines)), { message });
    });

  for (const [text, message] of [
    ["agent {}", "plugins section must be configured"],
    ["plugins {}", "agent section must be configured"],
    ["agent {}\nplugins {}", "server_address must be configured"],
    ['agent { server_address = "a" }\nplugins {}', "server_port must be configured"],
    ['agent { server_address = "a" server_port = 1 }\nplugins {}', "trust_domain must be configured"],
  ] as const)
    it(`refuses ${JSON.stringify(text)}: ${message}`, () => {
      assert.throws(() => parse(text), { message });
    });

  it("refuses a join token file without a token, or that is not there", () => {
    const empty = join(folder, "empty");
    writeFileSync(empty, "\n");
    assert.throws(() => parse(withAgent(`${file}join_token_file = "${empty}"`)), {
      message: "join token file is empty",
    });
    assert.throws(() => parse(withAgent(`${file}join_token_file = "${folder}/none"`)), {
      message: /^unable to read join token file ".*none": ENOENT/,
    });
  });

  it("names what this version does not have, for the run to refuse", () => {
    const { missing, warnings } = parse(
      withAgent(`${file}experimental { require_pq_kem = true }
        sds { default_svid_name = "x" }`),
    );
    assert.deepEqual(missing, [
      { key: "agent.experimental.require_pq_kem", effect: "refuse" },
      { key: "agent.sds", effect: "warn" },
    ]);
    assert.deepEqual(warnings, [
      "agent.sds is not supported by this version of Finial; it is ignored",
      "Experimental features have been enabled",
    ]);
    assert.throws(() => refuseMissing(missing), {
      message:
        "agent.experimental.require_pq_kem is not supported by this version of Finial, and must not be silently ignored: remove it",
    });
  });

  for (const name of ["agent.conf", "agent_full.conf"])
    it(`loads ${name}, which needs nothing that is missing`, () => {
      const config = parseAgentConfig(readFileSync(join(conf, name), "utf8"), { filename: name });
      assert.deepEqual(
        [config.trustDomain.name, config.missing, config.plugins.filter(({ enabled }) => enabled).length],
        ["example.org", [], 3],
      );
    });

  it("finds every key in agent_full.conf, each right where it is switched on", () => {
    const text = readFileSync(join(conf, "agent_full.conf"), "utf8").replaceAll(/^(\s*)#(?=\S)/gm, "$1");
    // Only one way to bootstrap at a time, and one join token.
    const chosen = text.replaceAll(
      /^\s*(trust_bundle_(url|unix_socket|spiffe_workload_api)|join_token_file) .*$/gm,
      "",
    );
    parseAgentConfig(chosen, { filename: "agent_full.conf" });
    const absent = Object.keys(agentFields).filter((key) => !new RegExp(`^\\s*${key}\\b`, "m").test(text));
    assert.deepEqual(absent, []);
  });
});
