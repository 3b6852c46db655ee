import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { baseEnvironment, pluginEnvironment, requireGivable } from "./environment.ts";

const daemon = {
  HOME: "/root",
  PATH: "/usr/bin",
  TMPDIR: "/var/tmp",
  AWS_SECRET_ACCESS_KEY: "secret",
  DB_PASSWORD: "secret",
  HTTPS_PROXY: "http://proxy:3128",
  http_proxy: "http://user:secret@proxy:3128",
  NODE_OPTIONS: "--require /tmp/evil.js",
  LD_PRELOAD: "/tmp/evil.so",
  UNSET: undefined,
  KeyManager: "something else",
  PLUGIN_CLIENT_CERT: "left over",
  PLUGIN_MULTIPLEX_GRPC: "true",
  PLUGIN_UNIX_SOCKET_DIR: "/elsewhere",
  PLUGIN_UNIX_SOCKET_GROUP: "nogroup",
  PLUGIN_PROTOCOL_VERSIONS: "7",
  PLUGIN_MIN_PORT: "1",
  FINIAL_PLUGIN_LIFELINE: "stdin",
};
const goPlugin = {
  KeyManager: "KeyManager",
  PLUGIN_MIN_PORT: "10000",
  PLUGIN_MAX_PORT: "25000",
  PLUGIN_PROTOCOL_VERSIONS: "1",
  PLUGIN_UNIX_SOCKET_DIR: "/private",
};

describe("pluginEnvironment()", () => {
  const base = { HOME: "/root", PATH: "/usr/bin", TMPDIR: "/var/tmp", HTTPS_PROXY: "http://proxy:3128" };
  const everything = {
    ...base,
    AWS_SECRET_ACCESS_KEY: "secret",
    DB_PASSWORD: "secret",
    http_proxy: "http://user:secret@proxy:3128",
    LD_PRELOAD: "/tmp/evil.so",
    NODE_OPTIONS: "--require /tmp/evil.js",
  };

  it("gives a plugin of ours what it was promised, and no secret", () => {
    assert.deepEqual(
      pluginEnvironment(daemon, { builtIn: true, type: "KeyManager", socketFolder: "/private" }),
      { ...base, ...goPlugin, FINIAL_PLUGIN_LIFELINE: "stdin", MALLOC_ARENA_MAX: "1" },
    );
  });

  it("gives a stranger's plugin no more, and no lifeline", () => {
    assert.deepEqual(
      pluginEnvironment(daemon, { builtIn: false, type: "KeyManager", socketFolder: "/private" }),
      { ...base, ...goPlugin },
    );
  });

  it("adds what is named, and what is set goes before the daemon's own", () => {
    const given = {
      names: ["AWS_SECRET_ACCESS_KEY", "http_proxy", "UNSET", "NEVER_HEARD_OF"],
      values: { HOME: "/home/plugin", AWS_REGION: "eu-1" },
      isCompatible: false,
    };
    for (const builtIn of [true, false])
      assert.deepEqual(
        pluginEnvironment(daemon, { builtIn, type: "KeyManager", socketFolder: "/private", given }),
        {
          ...base,
          HOME: "/home/plugin",
          AWS_REGION: "eu-1",
          AWS_SECRET_ACCESS_KEY: "secret",
          http_proxy: "http://user:secret@proxy:3128",
          ...goPlugin,
          ...(builtIn && { FINIAL_PLUGIN_LIFELINE: "stdin", MALLOC_ARENA_MAX: "1" }),
        },
      );
  });

  it("gives all of it where that is asked for, as SPIRE does, but for what would change the handshake", () => {
    const given = { names: [], values: {}, isCompatible: true };
    assert.deepEqual(
      pluginEnvironment(daemon, { builtIn: false, type: "KeyManager", socketFolder: "/private", given }),
      { ...everything, ...goPlugin },
    );
  });

  it("has the type for its magic cookie, key and value", () => {
    for (const builtIn of [true, false]) {
      const environment = pluginEnvironment({}, { builtIn, type: "UpstreamAuthority", socketFolder: "/s" });
      assert.equal(environment.UpstreamAuthority, "UpstreamAuthority");
      assert.equal(environment.KeyManager, undefined);
    }
  });
});

describe("baseEnvironment()", () => {
  it("knows nothing of plugins", () => {
    const { HTTPS_PROXY, HOME, PATH, TMPDIR } = daemon;
    assert.deepEqual(baseEnvironment(daemon), { HTTPS_PROXY, HOME, PATH, TMPDIR });
  });
});

describe("requireGivable()", () => {
  it("refuses what is no name, and the handshake's own", () => {
    for (const name of ["HTTPS_PROXY", "a", "_1"]) requireGivable(name, "KeyManager");
    for (const name of ["", "1A", "A=B", "A B", "Ä"])
      assert.throws(() => requireGivable(name, "KeyManager"), {
        code: 3,
        reason: "PLUGIN_ENV",
        message: `plugin_env: ${JSON.stringify(name)} is no name of an environment variable`,
      });
    for (const name of [
      "KeyManager",
      ...Object.keys(goPlugin),
      "PLUGIN_CLIENT_CERT",
      "FINIAL_PLUGIN_LIFELINE",
    ])
      assert.throws(() => requireGivable(name, "KeyManager"), {
        code: 3,
        reason: "PLUGIN_ENV",
        message: `plugin_env: ${name} is a part of the handshake with the plugin, and is set by the host`,
      });
    requireGivable("KeyManager", "Notifier");
  });
});
