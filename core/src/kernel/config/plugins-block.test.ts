import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { decodeConfig } from "@finial/sdk/hcl";
import { pluginsBlock } from "./plugins-block.ts";

const read = (text: string) =>
  decodeConfig(text, { plugins: pluginsBlock() }, { filename: "x.conf" }).plugins;

const plain = {
  pluginCmd: undefined,
  pluginArgs: [],
  pluginChecksum: undefined,
  configText: undefined,
  pluginDataFile: undefined,
  enabled: true,
};

describe("pluginsBlock()", () => {
  it("keeps the order of the file, and prints plugin_data as HCL again", () => {
    const text = `plugins {
  NodeAttestor "b" { plugin_cmd = "/opt/b" plugin_args = ["-x", "1"] plugin_checksum = "ab" plugin_data_file = "b.conf" }
  KeyManager "disk" { plugin_data { keys_path = "k.json" nested "a" { list = [1, 2] } } }
  NodeAttestor "a" { enabled = false plugin_data {} }
}`;
    assert.deepEqual(read(text), [
      {
        ...plain,
        type: "NodeAttestor",
        name: "b",
        pluginCmd: "/opt/b",
        pluginArgs: ["-x", "1"],
        pluginChecksum: "ab",
        pluginDataFile: "b.conf",
      },
      {
        ...plain,
        type: "KeyManager",
        name: "disk",
        configText: 'keys_path = "k.json"\nnested "a" {\n  list = [1, 2]\n}\n',
      },
      { ...plain, type: "NodeAttestor", name: "a", enabled: false, configText: "" },
    ]);
  });

  it("reads the JSON form", () => {
    assert.deepEqual(read('{"plugins": {"KeyManager": {"memory": {"plugin_data": {"a": true}}}}}'), [
      { ...plain, type: "KeyManager", name: "memory", configText: '"a" = true\n' },
    ]);
  });

  it("gives undefined for no block, and nothing for an empty one", () => {
    assert.deepEqual([read(""), read("plugins {}")], [undefined, []]);
  });

  for (const [title, text, message] of [
    [
      "a misspelled key",
      'plugins {\n  KeyManager "disk" { plugin_date {} }\n}',
      'x.conf:2:23: unknown key "plugin_date" in plugins "KeyManager" "disk"; did you mean "plugin_data"?',
    ],
    [
      "a plugin that comes twice",
      'plugins {\n  KeyManager "disk" {}\n  KeyManager "disk" {}\n}',
      'x.conf:3:14: plugin "KeyManager"/"disk" declared more than once',
    ],
    [
      "data and a data file",
      'plugins {\n  KeyManager "disk" { plugin_data {} plugin_data_file = "x" }\n}',
      'x.conf:2:14: KeyManager "disk": only one of [plugin_data, plugin_data_file] can be used',
    ],
  ] as const)
    it(`refuses ${title}`, () => {
      assert.throws(() => read(text), { reason: "CONFIG_INVALID", message });
    });
});
