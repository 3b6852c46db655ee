import assert from "node:assert/strict";
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, describe, it } from "node:test";
import { WorkloadAttestor } from "@finial/sdk/agent";
import { NodeAttestor } from "@finial/sdk/server";
import { kinds } from "./kind.ts";
import { requireName, sdkDependencies, templateKind, writeFolder } from "./new-plugin.ts";
import { hasTemplate, packageFiles, tools } from "./package-files.ts";

const root = join(import.meta.dirname, "..", "..", "..");
const templates = join(root, "core", "templates");
const folder = mkdtempSync(join(tmpdir(), "new-"));
after(() => rmSync(folder, { recursive: true }));

describe("templateKind()", () => {
  it("knows the type, or says what was meant", () => {
    assert.equal(templateKind("agent", "WorkloadAttestor"), WorkloadAttestor);
    const cases = [
      ["client", "KeyManager", 'a plugin is for a server or an agent, not for "client"'],
      ["server", "keymanager", 'the server has no plugin type "keymanager"; did you mean KeyManager?'],
      [
        "server",
        "WorkloadAttestor",
        /^the server has no plugin type "WorkloadAttestor"; there are KeyManager, /,
      ],
      ["server", "DataStore", "there is no template of a DataStore: begin with a copy of a built-in one"],
    ] as const;
    for (const [side, type, message] of cases)
      assert.throws(() => templateKind(side, type), { reason: "NEW_PLUGIN", message });
  });
});

describe("requireName()", () => {
  it("takes what can be a block's name, a selector's type and a part of a package's name", () => {
    for (const name of ["a", "aws_kms", "k8s2"]) requireName(WorkloadAttestor, name);
    for (const name of ["", "A", "a-b", "2a", "a b", "../a", "a".repeat(41), "ä"])
      assert.throws(() => requireName(WorkloadAttestor, name), { reason: "NEW_PLUGIN" }, name);
    assert.throws(() => requireName(NodeAttestor, "join_token"), { reason: "NEW_PLUGIN" });
  });
});

describe("sdkDependencies()", () => {
  it("takes a version, or packed packages", () => {
    assert.deepEqual(sdkDependencies("1.2.3", folder), { "@finial/sdk": "1.2.3" });
    const packed = join(folder, "packed");
    mkdirSync(packed);
    writeFileSync(join(packed, "finial-sdk-1.2.3.tgz"), "");
    assert.throws(() => sdkDependencies("packed", folder), {
      message: `${packed} must have one finial-proto-VERSION.tgz, and has none`,
    });
    writeFileSync(join(packed, "finial-proto-1.2.3.tgz"), "");
    assert.deepEqual(sdkDependencies("packed", folder), {
      "@finial/sdk": `file:${packed}/finial-sdk-1.2.3.tgz`,
      "@finial/proto": `file:${packed}/finial-proto-1.2.3.tgz`,
    });
    assert.throws(() => sdkDependencies("latest", folder), /not "latest"$/);
  });
});

describe("packageFiles()", () => {
  it("builds with what Finial is built with", () => {
    const { devDependencies } = JSON.parse(readFileSync(join(root, "package.json"), "utf8"));
    for (const [name, version] of Object.entries(tools)) assert.equal(version, devDependencies[name], name);
  });

  it("names the plugin everywhere, and has a README of the house", () => {
    for (const kind of kinds.filter(hasTemplate)) {
      const files = packageFiles({ kind, name: "begun", sdk: { "@finial/sdk": "1.0.0" } }, templates);
      for (const [path, text] of files) assert.doesNotMatch(text, /__NAME__|DATA_FOLDER/, path);
      assert.match(files.get("src/plugin.ts") ?? "", /name: "begun"/);
      assert.match(files.get("src/plugin.test.ts") ?? "", /Contract\(\{/);
      const headings = [...(files.get("README.md") ?? "").matchAll(/^## (.*)$/gm)].map(([, title]) => title);
      assert.deepEqual(headings, [
        ...["Name", "Description", "Configuration", "Example", "Errors"],
        ...["Working on it", "See also"],
      ]);
      const imports = [...files.values()].join("\n");
      assert.ok(imports.includes(`"@finial/sdk/${kind.side}"`), kind.name);
      assert.ok(!imports.includes(`"@finial/sdk/${kind.side === "agent" ? "server" : "agent"}"`), kind.name);
    }
  });
});

describe("writeFolder()", () => {
  it("writes all or nothing, and never into what is there", () => {
    const files = new Map([
      ["a", "1"],
      ["b/c", "2"],
    ]);
    const to = join(folder, "deep", "package");
    writeFolder(to, files);
    assert.equal(readFileSync(join(to, "b", "c"), "utf8"), "2");
    assert.throws(() => writeFolder(to, new Map([["a", "3"]])), {
      message: `${to} is there already, and was not touched`,
    });
    assert.equal(readFileSync(join(to, "a"), "utf8"), "1");
    assert.throws(() =>
      writeFolder(
        join(folder, "half"),
        new Map([
          ["a", "1"],
          ["a/b", "2"],
        ]),
      ),
    );
    assert.deepEqual(readdirSync(join(folder, "deep")), ["package"]);
    assert.ok(!readdirSync(folder).some((name) => name.includes("half")));
  });
});
