import assert from "node:assert/strict";
import { globSync } from "node:fs";
import { dirname } from "node:path";
import { describe, it } from "node:test";
import { importsOf, packageFolder, packageJson, packageOf, root, sourceFiles } from "./imports.ts";
import { isTest, longestMatch, matches, objectionTo } from "./judge.ts";
import { packageDependencies } from "./rooms.ts";

const imports = sourceFiles().flatMap(importsOf);

describe("the table", () => {
  const forbidden: [string, string][] = [
    ["sdk/src/status/code.ts", "node:crypto"],
    ["sdk/src/crypto/der.ts", "node:net"],
    ["sdk/src/crypto/der.ts", "../spiffe/spiffe-id.ts"],
    ["sdk/src/spiffe/bundle.ts", "@finial/proto/api/types/bundle"],
    ["sdk/src/hcl/parse.ts", "../plugin/serve.ts"],
    ["sdk/src/plugin/serve.ts", "../../../core/src/kernel/clock.ts"],
    ["proto/src/json.ts", "@finial/sdk"],
    ["plugins/server/keymanager/disk/src/plugin.ts", "@finial/proto/common/common"],
    ["plugins/server/keymanager/disk/src/plugin.ts", "@finial/sdk/internal"],
    ["plugins/server/keymanager/disk/src/plugin.ts", "@finial/core"],
    ["plugins/server/keymanager/disk/src/plugin.ts", "@finial/plugin-server-keymanager-memory"],
    ["plugins/server/keymanager/disk/src/plugin.ts", "../../memory/src/plugin.ts"],
    ["plugins/common/keymanager/src/key.ts", "@finial/plugin-server-keymanager-disk"],
    ["core/src/kernel/config/load.ts", "@finial/proto/common/common"],
    ["core/src/kernel/config/load.ts", "@finial/sdk/internal"],
    ["core/src/kernel/pluginhost/launch.ts", "../../server/server.ts"],
    ["core/src/kernel/pluginhost/launch.ts", "@finial/sdk/testing"],
    ["core/src/server/ca/slot.ts", "../../agent/agent.ts"],
    ["core/src/server/ca/slot.ts", "@finial/proto/api/types/bundle"],
    ["core/src/server/ca/slot.ts", "../../cli/server/run.ts"],
    ["core/src/agent/sync/sync.ts", "../../server/server.ts"],
    ["core/src/agent/sync/sync.ts", "@finial/plugin-server-keymanager-disk"],
    ["core/src/cli/server/bundle/show.ts", "../../../server/server.ts"],
    ["core/bin/finial-server.ts", "../src/server/server.ts"],
    ["test/wire/x.test.ts", "../../core/src/kernel/clock.ts"],
    ["plugins/server/keymanager/disk/src/plugin.test.ts", "@finial/sdk/internal"],
    ["core/src/server/ca/slot.test.ts", "@finial/plugin-server-keymanager-disk"],
    ["core/src/server/ca/slot.ts", "./fake-authorities.ts"],
    ["core/src/server/ca/slot.ts", "@finial/sdk/testing"],
    ["nowhere/x.ts", "node:fs"],
  ];
  const allowed: [string, string][] = [
    ["sdk/src/crypto/der.ts", "../status/status-error.ts"],
    ["sdk/src/spiffe/spiffe-id.test.ts", "../testing/test-ca.ts"],
    ["sdk/src/plugin/serve.ts", "@finial/proto/goplugin/broker"],
    ["plugins/server/keymanager/disk/src/plugin.ts", "@finial/plugin-common-keymanager"],
    ["plugins/server/keymanager/disk/src/plugin.test.ts", "@finial/sdk/testing"],
    ["plugins/server/datastore/sql/src/database.ts", "better-sqlite3"],
    ["core/src/kernel/convert/entry.ts", "@finial/proto/api/types/entry"],
    ["core/src/server/ca/slot.ts", "../facade/keymanager.ts"],
    ["core/src/server/facade/keymanager-v1.ts", "@finial/sdk/internal"],
    ["core/src/cli/server/run.ts", "../../server/server.ts"],
    ["core/src/cli/agent/run.ts", "../../agent/agent.ts"],
    ["core/bin/finial-server.ts", "../src/cli/server/run.ts"],
    ["test/wire/x.test.ts", "../../scripts/generate.ts"],
    ["core/src/server/ca/fake-authorities.ts", "@finial/sdk/testing"],
    ["core/src/server/ca/slot.test.ts", "./fake-authorities.ts"],
  ];

  it("objects to what may not be", () => {
    for (const [file, specifier] of forbidden)
      assert.ok(objectionTo({ file, specifier }), `${file} may import ${specifier}`);
    assert.equal(
      objectionTo({ file: "sdk/src/status/code.ts", specifier: "node:crypto" }),
      "sdk/src/status/code.ts imports node:crypto. sdk/src/status may import nothing.",
    );
  });

  it("lets pass what may be", () => {
    for (const [file, specifier] of allowed) assert.equal(objectionTo({ file, specifier }), undefined);
  });
});

describe("imports", () => {
  it("are found", () => {
    assert.ok(imports.length > 500, `only ${imports.length} imports were found`);
  });

  it("keep to who may import what", () => {
    const wrong = imports.map(objectionTo).filter((objection) => objection !== undefined);
    assert.equal(wrong.join("\n"), "");
  });

  it("name no package that their own package.json does not", () => {
    const rootDev = packageJson(".").devDependencies ?? {};
    const wrong = imports.flatMap(({ file, specifier }) => {
      const name = packageOf(specifier);
      if (name === undefined) return [];
      // What a template needs is in the package.json that is written with it.
      if (file.startsWith("core/templates/")) return [];
      const folder = packageFolder(file);
      const own = packageJson(folder);
      const test = isTest(file);
      const declared = { ...own.dependencies, ...(test && { ...own.devDependencies, ...rootDev }) };
      if (own.name === name || Object.hasOwn(declared, name)) return [];
      return [
        `${file} imports ${name}, which ${folder}/package.json does not name among its ${test ? "devD" : "d"}ependencies.`,
      ];
    });
    assert.equal([...new Set(wrong)].join("\n"), "");
  });
});

describe("package.json", () => {
  const folders = globSync(
    "{proto,sdk,core,test,bench,plugins/common/*,plugins/{server,agent}/*/*,apps/*}/package.json",
    {
      cwd: root,
      exclude: (path) => path.endsWith("node_modules"),
    },
  ).map((path) => dirname(path));

  it("names the workspaces that its room may import, and no others", () => {
    const wrong = folders.flatMap((folder) => {
      const rule = longestMatch(packageDependencies, folder);
      assert.ok(rule, `${folder} is in no row of the table`);
      const { dependencies = {}, devDependencies = {} } = packageJson(folder);
      return Object.keys({ ...dependencies, ...devDependencies })
        .filter((name) => name.startsWith("@finial/") && !matches(name, rule.may))
        .map(
          (name) =>
            `${folder}/package.json names ${name}. ${rule.name} may name ${rule.may.join(", ") || "none"}.`,
        );
    });
    assert.equal(wrong.join("\n"), "");
  });

  it("pins every version", () => {
    const wrong = [".", ...folders].flatMap((folder) => {
      const { dependencies, devDependencies } = packageJson(folder);
      return Object.entries({ ...dependencies, ...devDependencies })
        .filter(([, version]) => !/^\d+\.\d+\.\d+$/.test(version))
        .map(([name, version]) => `${folder}/package.json leaves the version of ${name} open: ${version}.`);
    });
    assert.equal(wrong.join("\n"), "");
  });
});
