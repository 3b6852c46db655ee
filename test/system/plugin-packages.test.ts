import assert from "node:assert/strict";
import {
  chmodSync,
  existsSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, it } from "node:test";
import { finialCommand } from "../support/binaries.ts";
import { runCommand } from "../support/child.ts";
import { PackageRegistryServer } from "../support/package-registry.ts";
import { packTarball } from "../support/tarball.ts";

const folder = mkdtempSync(join(tmpdir(), "finial-packages-"));
const store = join(folder, "store");
const lockFile = join(store, "plugin-lock.json");
const config = join(folder, "server.conf");
let registry: PackageRegistryServer;

before(async () => {
  registry = await PackageRegistryServer.start();
  for (const version of ["1.0.0", "1.1.0"]) await publish(version);
});
after(async () => {
  await registry[Symbol.asyncDispose]();
  rmSync(folder, { recursive: true });
});

async function publish(version: string): Promise<void> {
  const packageJson = {
    name: "@vendor/notes",
    version,
    scripts: { postinstall: `touch ${join(folder, "never")}` },
  };
  const manifest = {
    side: "server",
    type: "Notifier",
    name: "notes",
    version,
    services: ["spire.plugin.server.notifier.v1.Notifier"],
    main: "plugin.mjs",
    mtls: true,
  };
  const tarball = packTarball([
    { path: "package/package.json", content: JSON.stringify(packageJson) },
    { path: "package/plugin.json", content: JSON.stringify(manifest) },
    { path: "package/plugin.mjs", content: `// ${version}` },
  ]);
  await registry.publish(packageJson, tarball);
}

/** @returns [exit status, standard output, standard error]. */
async function plugin(verb: string, ...args: readonly string[]): Promise<readonly [number, string, string]> {
  const { status, stdout, stderr } = await runCommand(
    [...finialCommand("finial"), "plugin", verb, "-store", store, ...args],
    // npm's own configuration says where the registry is.
    { cwd: folder, env: { ...process.env, npm_config_registry: registry.url } },
  );
  return [status, stdout, stderr];
}

function locked(): readonly string[] {
  return Object.keys(JSON.parse(readFileSync(lockFile, "utf8")).packages);
}

function packageFile(id: string, path: string): string {
  return join(store, JSON.parse(readFileSync(lockFile, "utf8")).packages[id].treeSha256, "package", path);
}

describe("finial plugin", () => {
  it("says what to do before there is a lock file", async () => {
    const sentence = `there is no lock file ${lockFile}; "finial plugin install" makes one\n`;
    for (const verb of ["install", "list", "verify", "remove"])
      assert.deepEqual(await plugin(verb), [2, "", sentence], verb);
  });

  it("installs by version, range and tag, and runs no script", async () => {
    const [status, stdout, stderr] = await plugin("install", "@vendor/notes@1.0.0", "@vendor/notes@^1");
    assert.equal(status, 0, stderr);
    assert.match(stdout, /^@vendor\/notes@1\.0\.0: fetched.*\n@vendor\/notes@1\.1\.0: fetched/);
    assert.match(stderr, /Note: @vendor\/notes@1\.0\.0: its scripts \(postinstall\) are not run/);
    assert.equal(existsSync(join(folder, "never")), false);
    assert.deepEqual(locked(), ["@vendor/notes@1.0.0", "@vendor/notes@1.1.0"]);
    const before = readFileSync(lockFile, "utf8");
    assert.match((await plugin("install", "@vendor/notes"))[1], /in the store, each byte as it was locked/);
    assert.equal(readFileSync(lockFile, "utf8"), before);
  });

  it("finds damage, says where, and mends it", async () => {
    const file = packageFile("@vendor/notes@1.0.0", "plugin.mjs");
    chmodSync(file, 0o644);
    writeFileSync(file, "// evil.");
    const sentence = `${file} is not what was locked: its bytes are not those that were locked`;
    assert.deepEqual(await plugin("verify"), [
      1,
      `DAMAGED @vendor/notes@1.0.0\n        ${sentence}\nok      @vendor/notes@1.1.0\n2 packages, 1 damaged\n`,
      "",
    ]);
    const [status, json] = await plugin("verify", "-output", "json");
    assert.equal(status, 1);
    assert.deepEqual(JSON.parse(json), {
      ok: false,
      packages: [
        { package: "@vendor/notes", version: "1.0.0", ok: false, damage: [sentence] },
        { package: "@vendor/notes", version: "1.1.0", ok: true, damage: [] },
      ],
      unlocked: [],
    });
    assert.equal((await plugin("install"))[0], 0);
    assert.equal((await plugin("verify"))[0], 0);
  });

  it("refuses what has no provenance when that is required", async () => {
    const sentence = "has no provenance: nothing says what it was built from, or by whom";
    assert.deepEqual(await plugin("install", "-requireProvenance", "@vendor/notes@1.0.0"), [
      1,
      "",
      `@vendor/notes@1.0.0 ${sentence}\n`,
    ]);
    const [status, stdout] = await plugin("verify", "-source", "https://example.org/vendor/notes");
    assert.equal(status, 1);
    assert.ok(stdout.includes(`@vendor/notes@1.1.0 ${sentence}`), stdout);
  });

  it("has the lock file name what configurations name, and removes the rest", async () => {
    writeFileSync(
      config,
      'server {}\nplugins { Notifier "notes" { plugin_package = "@vendor/notes@1.1.0" } KeyManager "memory" {} }\n',
    );
    const [listed, list] = await plugin("list", "-config", config, "-output", "json");
    assert.equal(listed, 0);
    assert.deepEqual(
      JSON.parse(list).map((each: Readonly<Record<string, unknown>>) => [
        each.version,
        each.type,
        each.name,
        each.provenance,
        each.usedBy,
      ]),
      [
        ["1.0.0", "Notifier", "notes", null, []],
        ["1.1.0", "Notifier", "notes", null, ['Notifier "notes" in server.conf']],
      ],
    );
    const [status, , stderr] = await plugin("lock", "-config", config);
    assert.equal(status, 0, stderr);
    assert.match(stderr, /Note: @vendor\/notes@1\.0\.0 is no longer locked: no configuration names it/);
    assert.deepEqual(locked(), ["@vendor/notes@1.1.0"]);
    assert.deepEqual(await plugin("remove"), [
      0,
      "0 packages taken out of the lock file, 1 removed from the store, 1 kept\n",
      "",
    ]);
    assert.equal((await plugin("verify"))[0], 0);
    assert.equal((await plugin("remove", "@vendor/notes@1.1.0"))[0], 0);
    assert.deepEqual(readdirSync(store), ["plugin-lock.json"]);
  });

  for (const [what, args, sentence] of [
    ["a flag that is none", ["list", "-stor"], "flag provided but not defined: -stor; did you mean -store?"],
    [
      "a folder as a package",
      ["install", "./here"],
      '"./here" names no package: it should be such as @vendor/name@1.2.3',
    ],
    ["a package that is not there", ["install", "@vendor/none"], "the registry has no package @vendor/none"],
    ["a version that is not there", ["install", "@vendor/notes@3.0.0"], "the registry has no such version: "],
    ["no configuration", ["lock"], "name the configurations of all daemons that use this lock file"],
    ["a range to remove", ["remove", "@vendor/notes@^1"], "^1 is no exact version such as 1.2.3"],
    [
      "what is not locked",
      ["remove", "@vendor/notes@1.0.0"],
      `the lock file ${lockFile} does not name @vendor/notes@1.0.0`,
    ],
    [
      "a registry that is none",
      ["install", "-registry", "here", "x@1.0.0"],
      "npm's configuration cannot be used: ",
    ],
  ] as const)
    it(`says in a sentence what is wrong with ${what}, and ends with 2`, async () => {
      const [verb, ...more] = args;
      const [status, stdout, stderr] = await plugin(verb, ...more);
      assert.deepEqual([status, stdout], [2, ""], stderr);
      assert.ok(stderr.includes(sentence), stderr);
    });
});
