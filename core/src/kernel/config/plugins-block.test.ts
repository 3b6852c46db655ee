import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { decodeConfig } from "@finial/sdk/hcl";
import { pluginsBlock, withStore } from "./plugins-block.ts";

const read = (text: string) =>
  decodeConfig(text, { plugins: pluginsBlock() }, { filename: "x.conf" }).plugins;

const plain = {
  pluginCmd: undefined,
  pluginArgs: [],
  pluginChecksum: undefined,
  pluginPackage: undefined,
  pluginMtls: undefined,
  configText: undefined,
  configOrigin: undefined,
  pluginDataFile: undefined,
  environment: undefined,
  enabled: true,
};

const place = (printed: [line: number, column: number], source: [line: number, column: number]) => ({
  printed: { line: printed[0], column: printed[1] },
  source: { line: source[0], column: source[1] },
});

describe("pluginsBlock()", () => {
  it("reads a package with its exact version, which is in the daemon's store", () => {
    const blocks =
      read('plugins { Notifier "a" { plugin_package = "@vendor/a@1.2.3" } KeyManager "memory" {} }') ?? [];
    const id = { name: "@vendor/a", version: "1.2.3" };
    const found = withStore(blocks, { folder: "/srv/plugins", lockFile: "" });
    assert.deepEqual(
      found.map(({ pluginPackage }) => pluginPackage),
      [{ id, store: { folder: "/srv/plugins", lockFile: "/srv/plugins/plugin-lock.json" } }, undefined],
    );
    const [{ pluginPackage } = {}] = withStore(blocks, { folder: "", lockFile: "/etc/lock.json" });
    assert.deepEqual(pluginPackage?.store, { folder: "/var/lib/finial/plugins", lockFile: "/etc/lock.json" });
    for (const [text, sentence] of [
      ['plugin_package = "@vendor/a@^1"', "^1 is no exact version such as 1.2.3"],
      ['plugin_package = "@vendor/a"', "it should name the exact version, too, such as @vendor/a@1.2.3"],
      [
        'plugin_package = "a@1.0.0" plugin_cmd = "/a"',
        "only one of [plugin_cmd, plugin_package] can be used",
      ],
    ] as const)
      assert.throws(
        () => read(`plugins { Notifier "a" { ${text} } }`),
        ({ message }: Error) =>
          message.startsWith('x.conf:1:20: Notifier "a": ') && message.includes(sentence),
      );
  });

  it("keeps the order of the file, and prints plugin_data as HCL again", () => {
    const text = `plugins {
  NodeAttestor "b" { plugin_cmd = "/opt/b" plugin_args = ["-x", "1"] plugin_checksum = "ab" plugin_mtls = false plugin_data_file = "b.conf" }
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
        pluginMtls: false,
        pluginDataFile: "b.conf",
        configOrigin: { file: "b.conf" },
      },
      {
        ...plain,
        type: "KeyManager",
        name: "disk",
        configText: 'keys_path = "k.json"\nnested "a" {\n  list = [1, 2]\n}\n',
        configOrigin: {
          file: "x.conf",
          places: [
            place([1, 1], [3, 37]),
            place([1, 13], [3, 49]),
            place([2, 1], [3, 58]),
            place([2, 12], [3, 69]),
            place([3, 3], [3, 71]),
            place([3, 10], [3, 78]),
            place([3, 11], [3, 79]),
            place([3, 14], [3, 82]),
          ],
        },
      },
      {
        ...plain,
        type: "NodeAttestor",
        name: "a",
        enabled: false,
        configText: "",
        configOrigin: { file: "x.conf", places: [] },
      },
    ]);
  });

  it("reads the JSON form", () => {
    assert.deepEqual(read('{"plugins": {"KeyManager": {"memory": {"plugin_data": {"a": true}}}}}'), [
      {
        ...plain,
        type: "KeyManager",
        name: "memory",
        configText: '"a" = true\n',
        configOrigin: { file: "x.conf", places: [place([1, 1], [1, 56]), place([1, 7], [1, 61])] },
      },
    ]);
  });

  it("gives undefined for no block, and nothing for an empty one", () => {
    assert.deepEqual([read(""), read("plugins {}")], [undefined, []]);
  });

  it("reads what a plugin finds in its environment", () => {
    const environments = (text: string) => read(`plugins { ${text} }`)?.map(({ environment }) => environment);
    assert.deepEqual(
      environments(`
        KeyManager "a" { plugin_env = ["AWS_REGION", "http_proxy"] }
        KeyManager "b" { plugin_env { REGION = "eu" PORT = 1 ON = true TOKEN = "secret+file:/run/token" } }
        KeyManager "c" { plugin_env = ["A"] plugin_env = { B = "b" } plugin_env_compat = true }
        KeyManager "d" { plugin_env_compat = true }
        KeyManager "e" { plugin_env_compat = false plugin_env = [] }`),
      [
        { names: ["AWS_REGION", "http_proxy"], values: {}, isCompatible: false },
        {
          names: [],
          values: { REGION: "eu", PORT: "1", ON: "true", TOKEN: "secret+file:/run/token" },
          isCompatible: false,
        },
        { names: ["A"], values: { B: "b" }, isCompatible: true },
        { names: [], values: {}, isCompatible: true },
        undefined,
      ],
    );
    assert.deepEqual(
      read('{"plugins": {"KeyManager": {"a": {"plugin_env": ["A", {"B": "b"}]}}}}')?.[0]?.environment,
      { names: ["A"], values: { B: "b" }, isCompatible: false },
    );
  });

  it("says which variables cannot be given", () => {
    for (const [text, message] of [
      [
        '= "A"',
        '41: plugins "KeyManager" "a".plugin_env takes a list of names, or a block of names and values',
      ],
      ["= [1]", '42: plugins "KeyManager" "a".plugin_env takes names in its list'],
      ['"x" {}', '28: plugins "KeyManager" "a".plugin_env takes no label'],
      ["{ A = [] }", '41: plugins "KeyManager" "a".plugin_env.A takes a string'],
      ['= ["A B"]', '42: plugin_env: "A B" is no name of an environment variable'],
      [
        '{ KeyManager = "x" }',
        "41: plugin_env: KeyManager is a part of the handshake with the plugin, and is set by the host",
      ],
      [
        '= ["PLUGIN_UNIX_SOCKET_DIR"]',
        "42: plugin_env: PLUGIN_UNIX_SOCKET_DIR is a part of the handshake with the plugin, and is set by the host",
      ],
      [
        '{ A = "secret+file:x" }',
        "41: secret+file: takes an absolute path, as in secret+file:/etc/finial/secret",
      ],
    ] as const)
      assert.throws(() => read(`plugins { KeyManager "a" { plugin_env ${text} } }`), {
        reason: "CONFIG_INVALID",
        message: `x.conf:1:${message}`,
      });
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
      "a secret where everyone can see it",
      'plugins {\n  KeyManager "disk" { plugin_args = ["-token", "secret+file:/run/token"] }\n}',
      'x.conf:2:14: KeyManager "disk": plugin_args are seen by every user of this machine; a secret is for plugin_data or plugin_env',
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
