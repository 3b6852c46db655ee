import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { PackageTree, sha256Of } from "../../../kernel/pluginstore/package-tree.ts";
import { checkPluginPackage } from "./plugin-package.ts";

const id = { name: "@vendor/name", version: "1.2.3" };
const packageJson = { ...id, type: "module" };
const pluginJson = {
  side: "server",
  type: "KeyManager",
  name: "vault",
  version: "1.2.3",
  services: ["spire.plugin.server.keymanager.v1.KeyManager"],
  main: "dist/plugin.mjs",
  mtls: true,
};
const script = "// runs";

function check(
  changes: {
    readonly packageJson?: object;
    readonly pluginJson?: object;
    readonly files?: Readonly<Record<string, string | undefined>>;
    readonly executable?: boolean;
  } = {},
) {
  const files = {
    "package.json": JSON.stringify({ ...packageJson, ...changes.packageJson }),
    "plugin.json": JSON.stringify({ ...pluginJson, ...changes.pluginJson }),
    "dist/plugin.mjs": script,
    ...changes.files,
  };
  const contents = new Map(
    Object.entries(files).flatMap(([path, text]) =>
      text === undefined ? [] : [[path, Buffer.from(text)] as const],
    ),
  );
  const tree = PackageTree.of(
    [...contents].map(([path, bytes]) => ({
      path,
      size: bytes.length,
      sha256: sha256Of(bytes),
      executable: changes.executable ?? false,
    })),
  );
  return checkPluginPackage(id, { tree, contents });
}

describe("checkPluginPackage()", () => {
  it("takes a plugin that is one file, and one that brings what it depends on", () => {
    const { manifest, notes } = check();
    assert.deepEqual(
      [manifest.side, manifest.type, manifest.name, notes],
      ["server", "KeyManager", "vault", []],
    );
    check({ packageJson: { dependencies: { a: "1.0.0" }, bundleDependencies: ["a"] } });
    check({ packageJson: { dependencies: { a: "1.0.0" }, bundledDependencies: true } });
    check({ packageJson: { devDependencies: { a: "1.0.0" } } });
    check({ pluginJson: { sha256: sha256Of(script) } });
  });

  it("takes a program in any language", () => {
    check({ pluginJson: { main: "run" }, files: { run: "\u007fELF" }, executable: true });
  });

  it("says which scripts are not run", () => {
    const { notes } = check({ packageJson: { scripts: { postinstall: "x", test: "y", install: "z" } } });
    assert.deepEqual(notes, ["@vendor/name@1.2.3: its scripts (install, postinstall) are not run"]);
  });

  const bring = 'a plugin is bundled into files of its own, or lists what it brings in "bundleDependencies"';
  for (const [what, changes, why] of [
    ["no package.json", { files: { "package.json": undefined } }, "it has no package.json"],
    ["a list as package.json", { files: { "package.json": "1" } }, "its package.json is no object"],
    [
      "another name",
      { packageJson: { name: "@other/name" } },
      "its package.json says it is @other/name@1.2.3",
    ],
    [
      "another version",
      { packageJson: { version: "1.2.4" } },
      "its package.json says it is @vendor/name@1.2.4",
    ],
    [
      "a dependency",
      { packageJson: { dependencies: { a: "1.0.0" } } },
      `it depends on a, and does not bring it: ${bring}`,
    ],
    [
      "optional and peer dependencies",
      { packageJson: { optionalDependencies: { b: "1" }, peerDependencies: { a: "1" } } },
      `it depends on a, b, and does not bring them: ${bring}`,
    ],
    [
      "no manifest",
      { files: { "plugin.json": undefined } },
      "it has no plugin.json, the manifest that says side, type, name and main: it is no plugin",
    ],
    [
      "an unknown side",
      { pluginJson: { side: "client" } },
      'its plugin.json: "side" must be "server" or "agent"',
    ],
    [
      "a type with a typing mistake",
      { pluginJson: { type: "KeyManger" } },
      'its plugin.json names the type "KeyManger", which the server does not have: KeyManager',
    ],
    [
      "another version in the manifest",
      { pluginJson: { version: "1.0.0" } },
      "its plugin.json says version 1.0.0",
    ],
    [
      "a main that is not there",
      { pluginJson: { main: "dist/main.mjs" } },
      "its plugin.json names dist/main.mjs, which it does not have",
    ],
    [
      "a main that leads out",
      { pluginJson: { main: "../../bin/sh" } },
      `its plugin.json: "main" must name a file of the plugin's folder`,
    ],
    [
      "another SHA-256 than its main has",
      { pluginJson: { sha256: "00".repeat(32) } },
      "its plugin.json has another SHA-256 than dist/plugin.mjs has",
    ],
    [
      "a program that is not executable",
      { pluginJson: { main: "run" }, files: { run: "\u007fELF" } },
      "run is no script for Node (.mjs, .cjs, .js), and is not executable",
    ],
  ] as const)
    it(`refuses ${what}`, () => {
      assert.throws(() => check(changes), {
        code: 9,
        reason: "PLUGIN_PACKAGE",
        message: `@vendor/name@1.2.3: ${why}`,
      });
    });

  it("refuses JSON that is none", () => {
    for (const file of ["package.json", "plugin.json"])
      assert.throws(() => check({ files: { [file]: "{" } }), { reason: "PLUGIN_PACKAGE" });
  });
});
