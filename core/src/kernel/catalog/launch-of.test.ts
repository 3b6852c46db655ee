import assert from "node:assert/strict";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { after, describe, it } from "node:test";
import { unresolved } from "../secret/plugin-secrets.ts";
import { type LaunchSurroundings, planLaunch } from "./launch-of.ts";
import { Manifests } from "./manifest.ts";
import type { PluginBlock } from "./plugin-block.ts";

const folder = mkdtempSync(join(tmpdir(), "finial-plan-"));
after(() => rmSync(folder, { recursive: true }));
for (const name of ["disk", "memory"]) {
  const path = join(folder, "server", "keymanager", name);
  mkdirSync(path, { recursive: true });
  const sha256 = name === "disk" ? { sha256: "bb".repeat(32) } : {};
  const manifest = {
    side: "server",
    type: "KeyManager",
    name,
    version: "1.0.0",
    services: [],
    main: "plugin.mjs",
    mtls: true,
    ...sha256,
  };
  writeFileSync(join(path, "plugin.json"), JSON.stringify(manifest));
}
const mainOf = (name: string): string => join(folder, "server", "keymanager", name, "plugin.mjs");

const surroundings: LaunchSurroundings = {
  manifests: new Manifests(folder, "server"),
  env: { HOME: "/root", SECRET: "x" },
  nodePath: "/opt/node",
  secrets: unresolved,
};

function plan(block: Partial<PluginBlock>) {
  return planLaunch(
    { type: "KeyManager", name: "disk", pluginArgs: [], enabled: true, ...block },
    surroundings,
    "/sockets",
  );
}

describe("planLaunch()", () => {
  it("seals the link as the operator says, and else as the manifest does", () => {
    assert.equal(plan({}).launch.sealed, true);
    assert.equal(plan({ pluginMtls: false }).launch.sealed, false);
    assert.equal(plan({ pluginCmd: "/opt/km" }).launch.sealed, false);
    assert.equal(plan({ pluginCmd: "/opt/km", pluginMtls: true }).launch.sealed, true);
  });

  it("runs a plugin of ours with our Node, by its manifest", () => {
    const { launch, manifest } = plan({ name: "memory", pluginArgs: ["--trace"] });
    const { env, ...rest } = launch;
    assert.deepEqual(rest, {
      file: "/opt/node",
      args: [
        "--max-semi-space-size=1",
        "--heap-growing-percent=50",
        "--disable-sigusr1",
        mainOf("memory"),
        "--trace",
      ],
      sealed: true,
      lifeline: true,
      baseName: "memory",
      checksum: undefined,
    });
    assert.deepEqual(
      [env.HOME, env.SECRET, env.KeyManager, env.FINIAL_PLUGIN_LIFELINE, env.PLUGIN_UNIX_SOCKET_DIR],
      ["/root", undefined, "KeyManager", "stdin", "/sockets"],
    );
    assert.equal(manifest?.version, "1.0.0");
  });

  it("keeps what a plugin of ours has compiled apart from others', and not at all where its bytes were verified", () => {
    assert.equal(plan({}).launch.env.NODE_COMPILE_CACHE, "/sockets/compiled-KeyManager-disk");
    assert.equal(
      plan({ name: "memory" }).launch.env.NODE_COMPILE_CACHE,
      "/sockets/compiled-KeyManager-memory",
    );
    assert.equal(plan({ pluginChecksum: "ab" }).launch.env.NODE_COMPILE_CACHE, undefined);
    assert.equal(plan({ pluginCmd: "/opt/km" }).launch.env.NODE_COMPILE_CACHE, undefined);
  });

  it("runs a command as it is named, from where the daemon runs, also in the place of one of ours", () => {
    const { launch, manifest } = plan({ pluginCmd: "./bin/km", pluginArgs: ["-v"] });
    const { env, ...rest } = launch;
    assert.deepEqual(rest, {
      file: resolve("bin/km"),
      args: ["-v"],
      sealed: false,
      lifeline: false,
      baseName: "km",
      checksum: undefined,
    });
    assert.deepEqual([env.HOME, env.SECRET, env.FINIAL_PLUGIN_LIFELINE], ["/root", undefined, undefined]);
    assert.equal(manifest, undefined);
    assert.equal(plan({ pluginCmd: "km" }).launch.file, resolve("km"));
  });

  it("gives what the operator gives, to ours and to others", () => {
    const environment = { names: ["SECRET"], values: { REGION: "eu" }, isCompatible: false };
    for (const pluginCmd of [undefined, "/opt/km"]) {
      const { env } = plan({ pluginCmd, environment }).launch;
      assert.deepEqual([env.SECRET, env.REGION], ["x", "eu"]);
    }
    const compatible = { names: [], values: {}, isCompatible: true };
    assert.equal(plan({ pluginCmd: "/opt/km", environment: compatible }).launch.env.SECRET, "x");
  });

  it("pins what the operator's checksum names, before what a manifest says", () => {
    const byOperator = "aa".repeat(32);
    const cases: readonly [Partial<PluginBlock>, ReturnType<typeof plan>["launch"]["checksum"]][] = [
      [{}, { file: mainOf("disk"), sha256: "bb".repeat(32), pinned: false }],
      [{ pluginChecksum: byOperator }, { file: mainOf("disk"), sha256: byOperator, pinned: true }],
      [
        { name: "memory", pluginChecksum: byOperator },
        { file: mainOf("memory"), sha256: byOperator, pinned: true },
      ],
      [
        { pluginCmd: "/opt/km", pluginChecksum: byOperator },
        { file: "/opt/km", sha256: byOperator, pinned: true },
      ],
    ];
    for (const [block, checksum] of cases) assert.deepEqual(plan(block).launch.checksum, checksum);
  });

  it("says which plugins there are instead of one there is not", () => {
    assert.throws(() => plan({ name: "dsk" }), {
      code: 5,
      reason: "PLUGIN_UNKNOWN",
      message:
        'no built-in plugin "dsk" for type "KeyManager": there are "disk", "memory"; for a plugin of your own set plugin_cmd or plugin_package',
    });
    assert.throws(() => plan({ type: "Notifier" }), {
      message:
        'no built-in plugin "disk" for type "Notifier": there is none of this type; for a plugin of your own set plugin_cmd or plugin_package',
    });
  });

  it("lets no command take the name of join_token, which is the server's own affair", () => {
    const block = { type: "NodeAttestor", name: "join_token", pluginCmd: "/opt/jt" };
    assert.throws(() => plan(block), {
      code: 3,
      reason: "PLUGIN_RESERVED",
      message: "the built-in join_token node attestor cannot be overridden by an external plugin",
    });
    assert.equal(plan({ ...block, type: "KeyManager" }).launch.file, "/opt/jt");
  });
});
