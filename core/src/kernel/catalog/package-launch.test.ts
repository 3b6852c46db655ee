import assert from "node:assert/strict";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { after, describe, it } from "node:test";
import { PackageTree, sha256Of } from "../pluginstore/package-tree.ts";
import { PluginLock } from "../pluginstore/plugin-lock.ts";
import { placesOf } from "../pluginstore/plugin-store.ts";
import { planPackage } from "./package-launch.ts";
import type { PluginBlock } from "./plugin-block.ts";

const scratch = mkdtempSync(join(tmpdir(), "finial-package-launch-"));
after(() => rmSync(scratch, { recursive: true }));

/** A store with one package, whose manifest has these fields besides. */
function install(main: string, fields: object = {}) {
  const store = placesOf({ folder: mkdtempSync(join(scratch, "store-")), lockFile: "" });
  const id = { name: "@vendor/vault", version: "1.2.3" };
  const manifest = {
    side: "server",
    type: "KeyManager",
    name: "vault",
    version: "1.2.3",
    services: [],
    main,
  };
  const files = { "plugin.json": JSON.stringify({ ...manifest, ...fields }), "run.mjs": "//", run: "#!" };
  const tree = PackageTree.of(
    Object.entries(files).map(([path, text]) => ({
      path,
      size: text.length,
      sha256: sha256Of(text),
      executable: path === "run",
    })),
  );
  const folder = join(store.folder, tree.sha256, "package");
  mkdirSync(folder, { recursive: true });
  for (const [path, text] of Object.entries(files)) writeFileSync(join(folder, path), text);
  writeFileSync(join(dirname(folder), "files"), tree.listing);
  const integrity = `sha512-${"A".repeat(86)}==`;
  const lock = PluginLock.empty.with({ ...id, integrity, treeSha256: tree.sha256, provenance: undefined });
  writeFileSync(store.lockFile, lock.print());
  return { id, store, folder };
}

function plan(installed: ReturnType<typeof install>, changes: Partial<PluginBlock> = {}) {
  const block = { type: "KeyManager", name: "vault", pluginArgs: ["-x"], enabled: true, ...changes };
  return planPackage(block, installed, {
    side: "server",
    env: { HOME: "/root", SECRET: "x" },
    nodePath: "/opt/node",
    nodeFlags: ["--flag"],
    socketFolder: "/sockets",
  });
}

describe("planPackage()", () => {
  it("runs a script with this Node, sealed as its manifest says, from what will be verified", () => {
    const installed = install("run.mjs", { mtls: true });
    const { launch, manifest } = plan(installed);
    const { env, stored, ...rest } = launch;
    const main = join(installed.folder, "run.mjs");
    assert.deepEqual(rest, {
      file: "/opt/node",
      args: ["--flag", main, "-x"],
      sealed: true,
      lifeline: true,
      baseName: "vault",
      checksum: undefined,
    });
    assert.deepEqual([stored?.title, stored?.folder], ["@vendor/vault@1.2.3", installed.folder]);
    assert.equal(manifest.main, main);
    assert.deepEqual([env.HOME, env.SECRET, env.FINIAL_PLUGIN_LIFELINE], ["/root", undefined, "stdin"]);
    assert.equal(env.NODE_COMPILE_CACHE, undefined, "what is compiled is not what was verified");
  });

  it("runs any other main as a program of its own, and compares the operator's checksum besides", () => {
    const installed = install("run");
    const { launch } = plan(installed, { pluginChecksum: "ab".repeat(32), pluginMtls: true });
    const main = join(installed.folder, "run");
    assert.deepEqual(
      [launch.file, launch.args, launch.sealed, launch.lifeline, launch.env.FINIAL_PLUGIN_LIFELINE],
      [main, ["-x"], true, false, undefined],
    );
    assert.deepEqual(launch.checksum, { file: main, sha256: "ab".repeat(32), pinned: true });
  });

  it("refuses a package of another plugin than the block's", () => {
    assert.throws(() => plan(install("run"), { name: "other" }), {
      reason: "MANIFEST",
      message: /plugin\.json: "name" must be "other", as the block KeyManager "other" says, not "vault"$/,
    });
    assert.throws(() => plan(install("run", { side: "agent" })), { reason: "MANIFEST" });
  });

  it("reads no manifest that is not what was locked, and runs no main that is not of the package", () => {
    const installed = install("run");
    writeFileSync(join(installed.folder, "plugin.json"), "{}");
    assert.throws(() => plan(installed), {
      reason: "PLUGIN_PACKAGE",
      message: `plugin package @vendor/vault@1.2.3: ${installed.folder}/plugin.json is not what was locked: its bytes are not those that were locked`,
    });
    rmSync(join(installed.folder, "plugin.json"));
    assert.throws(() => plan(installed), { reason: "PLUGIN_PACKAGE", message: /cannot be read: / });
    assert.throws(() => plan(install("absent.mjs")), {
      message: "plugin package @vendor/vault@1.2.3: its plugin.json names absent.mjs, which it does not have",
    });
  });
});
