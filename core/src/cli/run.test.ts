import assert from "node:assert/strict";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, describe, it } from "node:test";
import { agentProgram } from "./agent/program.ts";
import { FakeIo } from "./fake-io.ts";
import { runProgram } from "./main.ts";
import { serverProgram } from "./server/program.ts";

const folder = mkdtempSync(join(tmpdir(), "finial-run-"));
after(() => rmSync(folder, { recursive: true }));

const server = 'server {\n  trust_domain = "$DOMAIN"\n  data_dir = "data"\n}\nplugins {}\n';
const agent =
  'agent {\n  trust_domain = "$DOMAIN"\n  server_address = "s"\n  server_port = 1\n  insecure_bootstrap = true\n}\nplugins {}\n';
const secretPlugins =
  'plugins {\n  KeyManager "memory" { plugin_data { a = "secret+file:/no/such/file" } plugin_env { B = "secret+env:NONE" } }\n}';
for (const [name, text] of [
  ["server.conf", server.replace("$DOMAIN", "example.org")],
  ["server-env.conf", server],
  ["server-typo.conf", server.replace("data_dir", "data_dri")],
  ["server-opa.conf", server.replace('"data"', '"data" experimental { require_pq_kem = true }')],
  ["agent.conf", agent.replace("$DOMAIN", "example.org")],
  ["agent-env.conf", agent],
  ["agent-secret.conf", agent.replace("$DOMAIN", "example.org").replace("plugins {}", secretPlugins)],
  ["server-secret.conf", server.replace("$DOMAIN", "example.org").replace("plugins {}", secretPlugins)],
  ["agent-typo.conf", agent.replace("server_port", "serverport")],
  ["agent-warned.conf", agent.replace("$DOMAIN", "example.org").replace("agent {", "agent {\n sds {}")],
] as const)
  writeFileSync(join(folder, name), text);

const programs = { server: serverProgram, agent: agentProgram };

async function run(program: keyof typeof programs, line: string) {
  const io = new FakeIo({ cwd: folder, env: { DOMAIN: "example.org" } });
  const status = await runProgram(programs[program], line.split(" "), io);
  return { status, out: io.out, err: io.err };
}

const typos = {
  server: 'server-typo.conf:3:3: unknown key "data_dri" in server; did you mean "data_dir"?\n',
  agent: 'agent-typo.conf:4:3: unknown key "serverport" in agent; did you mean "server_port"?\n',
};

for (const side of ["server", "agent"] as const)
  describe(`finial-${side} run`, () => {
    it("names file, line and the nearest key for a typo", async () => {
      assert.deepEqual(await run(side, `run -config ${side}-typo.conf`), {
        status: 1,
        out: "",
        err: typos[side],
      });
    });

    it("says which file is not there", async () => {
      const err = `could not find config file ${join(folder, "none.conf")}: please use the -config flag\n`;
      assert.deepEqual(await run(side, "run -config none.conf"), { status: 1, out: "", err });
    });

    it("expands the environment only when asked to", async () => {
      const { err } = await run(side, `run -config ${side}-env.conf`);
      assert.match(err, /^could not parse trust_domain "\$DOMAIN": /);
      const asked = await run(side, `run -config ${side}-env.conf -expandEnv -logLevel loud`);
      assert.match(asked.err, /^could not start logger: /);
    });

    it("lets flags win over the file", async () => {
      const { err } = await run(side, `run -config ${side}.conf -trustDomain UPPER`);
      assert.match(err, /^could not parse trust_domain "UPPER": /);
    });
  });

describe("finial-server validate", () => {
  it("says that a configuration is invalid, and why", async () => {
    assert.deepEqual(await run("server", "validate -config server-typo.conf"), {
      status: 1,
      out: "",
      err: `Finial server configuration file is invalid: ${typos.server}`,
    });
  });

  it("refuses what must not be silently ignored", async () => {
    assert.deepEqual(await run("server", "validate -config server-opa.conf -trustDomain example.org"), {
      status: 1,
      out: "",
      err: "Finial server configuration file is invalid: server.experimental.require_pq_kem is not supported by this version of Finial, and must not be silently ignored: remove it\n",
    });
  });

  it("needs the secrets that plugins are to be given, unless told not to", async () => {
    const { status, err } = await run("server", "validate -config server-secret.conf");
    assert.equal(status, 1);
    assert.match(err, /plugin_env: B: secret\+env:NONE: the daemon's environment has no such variable/);
    const skipped = await run("server", "validate -config server-secret.conf -skipSecrets");
    assert.doesNotMatch(skipped.err, /secret\+/);
    assert.match(skipped.err, /no supported configuration interface found/);
  });

  it("tells which plugin types are missing", async () => {
    const { status, out, err } = await run("server", "validate -config server.conf");
    assert.deepEqual([status, out], [1, ""]);
    assert.match(err, /^Finial server configuration file is invalid\.\nValidation errors:\n/);
    assert.match(err, /\tDataStore:\n\t\tconstraint not satisfied: /);
    assert.match(err, /\tKeyManager:\n\t\tconstraint not satisfied: /);
  });
});

describe("finial-agent validate", () => {
  it("takes a configuration without asking its plugins", async () => {
    assert.deepEqual(await run("agent", "validate -config agent.conf"), {
      status: 0,
      out: "Finial agent configuration file is valid.\n",
      err: "",
    });
  });

  it("looks for the secrets that plugins are to be given, unless told not to", async () => {
    assert.deepEqual(await run("agent", "validate -config agent-secret.conf"), {
      status: 1,
      out: "",
      err: [
        "Finial agent configuration file is invalid.",
        "Validation errors:",
        '\tKeyManager "memory":',
        "\t\tagent-secret.conf:8:43: secret+file:/no/such/file: /no: no such file or directory",
        "\t\tplugin_env: B: secret+env:NONE: the daemon's environment has no such variable",
        "",
      ].join("\n"),
    });
    const { status } = await run("agent", "validate -config agent-secret.conf -skipSecrets");
    assert.equal(status, 0);
  });

  it("passes warnings on", async () => {
    assert.deepEqual(await run("agent", "validate -config agent-warned.conf"), {
      status: 0,
      out: "Finial agent configuration file is valid.\n",
      err: "Warning: agent.sds is not supported by this version of Finial; it is ignored\n",
    });
  });

  it("says that a configuration is invalid, and why", async () => {
    assert.deepEqual(await run("agent", "validate -config agent-typo.conf"), {
      status: 1,
      out: "",
      err: `Finial agent configuration file is invalid: ${typos.agent}`,
    });
  });
});
