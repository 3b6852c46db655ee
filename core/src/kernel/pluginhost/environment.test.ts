import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { pluginEnvironment } from "./environment.ts";

const daemon = {
  HOME: "/root",
  PATH: "/usr/bin",
  TMPDIR: "/var/tmp",
  AWS_SECRET_ACCESS_KEY: "secret",
  DB_PASSWORD: "secret",
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
  it("gives a plugin of ours what it was promised, and no secret", () => {
    assert.deepEqual(
      pluginEnvironment(daemon, { builtIn: true, type: "KeyManager", socketFolder: "/private" }),
      {
        HOME: "/root",
        PATH: "/usr/bin",
        TMPDIR: "/var/tmp",
        ...goPlugin,
        FINIAL_PLUGIN_LIFELINE: "stdin",
        MALLOC_ARENA_MAX: "1",
      },
    );
  });

  it("gives a stranger's plugin all of it, as SPIRE does, but for what would change the handshake", () => {
    assert.deepEqual(
      pluginEnvironment(daemon, { builtIn: false, type: "KeyManager", socketFolder: "/private" }),
      {
        HOME: "/root",
        PATH: "/usr/bin",
        TMPDIR: "/var/tmp",
        AWS_SECRET_ACCESS_KEY: "secret",
        DB_PASSWORD: "secret",
        NODE_OPTIONS: "--require /tmp/evil.js",
        LD_PRELOAD: "/tmp/evil.so",
        ...goPlugin,
      },
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
