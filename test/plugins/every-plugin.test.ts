import assert from "node:assert/strict";
import { globSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { after, describe, it } from "node:test";
import { pathToFileURL } from "node:url";
import type { Plugin } from "@finial/sdk";
import { startPluginProcess } from "../support/plugin-process.ts";

const root = join(import.meta.dirname, "..", "..");
const headings = ["Name", "Description", "Configuration", "Example", "Errors", "See also"];
const configService = "spire.service.common.config.v1.Config";
const folder = mkdtempSync(join(tmpdir(), "every-plugin-"));
after(() => rmSync(folder, { recursive: true }));

interface Manifest {
  readonly side: string;
  readonly type: string;
  readonly name: string;
  readonly version: string;
  readonly services: readonly string[];
  readonly main: string;
}

const manifests = globSync("plugins/{server,agent}/*/*/plugin.json", { cwd: root }).sort();

describe("the plugins", () => {
  it("are there", () => {
    assert.notEqual(manifests.length, 0);
  });
});

for (const path of manifests) {
  const place = dirname(path);
  const read = (file: string): string => readFileSync(join(root, place, file), "utf8");
  const manifest: Manifest = JSON.parse(read("plugin.json"));

  describe(place, () => {
    it("says in its manifest what its folder says, and its package", async () => {
      const { side, type, name, version, services } = manifest;
      assert.equal(place, `plugins/${side}/${type.toLowerCase()}/${name}`);
      assert.equal(JSON.parse(read("package.json")).version, version);
      const module: { plugin: Plugin } = await import(
        pathToFileURL(join(root, place, "src", "plugin.ts")).href
      );
      const { plugin } = module;
      assert.equal(plugin.name, name);
      assert.equal(plugin.type.name, type);
      assert.equal(plugin.type.side, side);
      const offered = [
        plugin.type.definition.fullName,
        ...(plugin.extensions ?? []).map((extension) => extension.fullName),
        ...(plugin.parseConfig === undefined ? [] : [configService]),
      ];
      assert.deepEqual([...services].sort(), offered.sort());
    });

    it("starts from its bundle, offers what its manifest says, refuses an unknown key, and ends in time", async () => {
      await using started = await startPluginProcess(join(root, place, manifest.main), manifest.type);
      assert.deepEqual([...started.services].sort(), [...manifest.services].sort());
      if (manifest.services.includes(configService)) {
        const notes = await started.validate("no_such_key = 1");
        assert.match(notes.join("\n"), /no_such_key/);
      }
      assert.ok((await started.shutdown()) < 2000, "a host waits for two seconds");
    });

    it("has a README with all its parts, whose example it takes", async () => {
      const readme = read("README.md");
      const found = [...readme.matchAll(/^## (.+)$/gm)].map((match) => match[1]);
      assert.deepEqual(found, headings);
      const example = /## Example\n[\s\S]*?```hcl\n([\s\S]*?)```/.exec(readme)?.[1];
      assert.ok(example, "an example in HCL");
      const { pluginData, title } = await exampleData(example);
      assert.equal(title, `${manifest.type} "${manifest.name}"`);
      if (!manifest.services.includes(configService)) return;
      await using started = await startPluginProcess(join(root, place, manifest.main), manifest.type);
      const notes = await started.validate(pluginData);
      // An example names files that are not here; what it says must be understood all the same.
      assert.doesNotMatch(notes.join("\n"), /unknown|must be configured|is required|takes /);
    });
  });
}

/** The block's title and the body of its `plugin_data`. */
async function exampleData(
  example: string,
): Promise<{ readonly title: string; readonly pluginData: string }> {
  const { parseHcl, printHcl } = await import("@finial/sdk/hcl");
  const body = parseHcl(example, { filename: "README.md" });
  const [item] = body.items;
  assert.ok(item, "a plugin block");
  const [type, name] = item.keys.map((key) => key.text);
  assert.equal(item.value.kind, "object");
  const data = item.value.body.items.find(({ keys }) => keys[0]?.text === "plugin_data");
  const pluginData = data?.value.kind === "object" ? printHcl(data.value.body) : "";
  return { title: `${type} "${name}"`, pluginData };
}
