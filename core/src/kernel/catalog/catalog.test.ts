import assert from "node:assert/strict";
import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, describe, it } from "node:test";
import { KeyManagerDefinition } from "@finial/proto/plugin/server/keymanager/v1/keymanager";
import { systemClock } from "@finial/sdk";
import { parseTrustDomain } from "@finial/sdk/spiffe";
import { type CapturedLog, captureLog } from "@finial/sdk/testing";
import type { FakePluginBehaviour } from "../pluginhost/fake-plugin.ts";
import { compileCache, isRunning } from "../pluginhost/start-fake-plugin.ts";
import { SecretResolver } from "../secret/secret-resolver.ts";
import { Catalog, type CatalogOptions } from "./catalog.ts";
import { anyNumber, atMostOne, exactlyOne } from "./constraints.ts";
import type { KnownType } from "./known-type.ts";
import { Manifests } from "./manifest.ts";
import type { PluginBlock } from "./plugin-block.ts";

const folder = mkdtempSync(join(tmpdir(), "finial-catalog-"));
after(() => rmSync(folder, { recursive: true }));

const service = (type: string): string => `fake.plugin.v1.${type}`;
const config = "spire.service.common.config.v1.Config";
const types: Readonly<Record<string, KnownType>> = {
  KeyManager: {
    constraint: exactlyOne,
    services: ["fake.plugin.v2.KeyManager", service("KeyManager")],
    extensions: ["fake.extension.v1.Signer"],
  },
  Notifier: { constraint: anyNumber, services: [service("Notifier")] },
  UpstreamAuthority: { constraint: atMostOne, services: [service("UpstreamAuthority")] },
};

const fakePlugin = join(import.meta.dirname, "../pluginhost/fake-plugin.ts");

function write(path: string, text: string): string {
  mkdirSync(join(path, ".."), { recursive: true });
  writeFileSync(path, text);
  chmodSync(path, 0o755);
  return path;
}

/** Runs Node as the fake plugin needs it; a release's plugins need no flags. */
const nodePath = write(
  join(folder, "node"),
  `#!/bin/sh\nexport NODE_COMPILE_CACHE="${compileCache}"\nexec "${process.execPath}" --conditions=source "$@"\n`,
);
/** The fake plugin as an operator's command. */
const command = write(join(folder, "fake-command"), `#!/bin/sh\nexec "${nodePath}" "${fakePlugin}" "$@"\n`);

for (const [type, name] of [
  ["KeyManager", "disk"],
  ["Notifier", "disk"],
  ["Notifier", "other"],
] as const) {
  const path = join(folder, "plugins", "server", type.toLowerCase(), name);
  const manifest = { side: "server", type, name, version: "1.2.3", services: [], main: "plugin.mjs" };
  write(join(path, "plugin.json"), JSON.stringify(manifest));
  write(
    join(path, "plugin.mjs"),
    `import { main } from ${JSON.stringify(fakePlugin)};\nawait main(JSON.parse(process.argv[2]));\n`,
  );
}

let diaries = 0;

/** A plugin of the configuration, and what it notes. */
function makeBlock(
  type: string,
  name: string,
  behaviour: FakePluginBehaviour = {},
  more: Partial<PluginBlock> = {},
) {
  const diary = join(folder, `diary-${diaries++}`);
  const lines = (): string[] => (existsSync(diary) ? readFileSync(diary, "utf8").trim().split("\n") : []);
  const whole = { services: [service(type), config], diary, ...behaviour };
  const block: PluginBlock = { type, name, pluginArgs: [JSON.stringify(whole)], enabled: true, ...more };
  return {
    block,
    deeds: () => lines().filter((line) => !/^(pid|broker) /.test(line)),
    pid: () => Number(lines()[0]?.replace("pid ", "")),
    until: async (deed: string) => {
      while (!lines().some((line) => line.startsWith(deed)))
        await new Promise((resolve) => setTimeout(resolve, 5));
    },
  };
}

async function until(holds: () => boolean): Promise<void> {
  while (!holds()) await new Promise((resolve) => setTimeout(resolve, 5));
}

interface Loading {
  readonly options: CatalogOptions;
  readonly logger: CapturedLog;
  /** What is left of the plugins' sockets. */
  readonly left: () => readonly string[];
}

function prepare(more: Partial<CatalogOptions> = {}): Loading {
  const logger = captureLog();
  const sockets = join(folder, `tmp-${diaries++}`);
  mkdirSync(sockets);
  return {
    options: {
      types,
      surroundings: {
        manifests: new Manifests(join(folder, "plugins"), "server"),
        env: process.env,
        secrets: new SecretResolver({ env: process.env, uid: process.geteuid?.() ?? 0, clock: systemClock }),
        nodePath,
      },
      hostServices: [],
      trustDomain: parseTrustDomain("example.org"),
      logger,
      clock: systemClock,
      random: () => 0,
      socketParent: sockets,
      ...more,
    },
    logger,
    left: () => readdirSync(sockets),
  };
}

describe("Catalog.load()", { concurrency: 3 }, () => {
  it("loads each plugin, configures them in order, and unloads them in the reverse", async () => {
    const { options, logger, left } = prepare();
    const file = write(join(folder, "notifier.conf"), "b = 2");
    const plugins = [
      makeBlock("KeyManager", "disk", {}, { configText: "a = 1" }),
      makeBlock("Notifier", "disk", {}, { pluginDataFile: file }),
      makeBlock("Notifier", "mine", {}, { pluginCmd: command }),
    ];
    const catalog = await Catalog.load(
      plugins.map(({ block }) => block),
      options,
    );
    assert.deepEqual(
      [...catalog.all("KeyManager"), ...catalog.all("Notifier")].map(({ type, name, pid, boundService }) => [
        type,
        name,
        pid,
        boundService,
      ]),
      plugins.map(({ block: { type, name }, pid }) => [type, name, pid(), service(type)]),
    );
    assert.equal(catalog.one("KeyManager").name, "disk");
    assert.equal(catalog.maybeOne("UpstreamAuthority"), undefined);
    assert.throws(() => catalog.one("UpstreamAuthority"), TypeError);
    assert.deepEqual(
      plugins.map(({ deeds }) => deeds()),
      ["a = 1", "b = 2", ""].map((text) => ["init", `configure example.org ${text}`.trim()]),
    );
    await catalog[Symbol.asyncDispose]();
    assert.deepEqual(
      plugins.map(({ deeds, pid }) => [deeds().slice(2), isRunning(pid())]),
      Array(3).fill([["deinit", "shutdown"], false]),
    );
    assert.deepEqual(left(), []);
    const told = (message: string): unknown[] =>
      logger.lines
        .filter((line) => line.message === message)
        .map(({ fields }) => [fields.plugin_type, fields.plugin_name, fields.external]);
    const inOrder = [
      ["KeyManager", "disk", false],
      ["Notifier", "disk", false],
      ["Notifier", "mine", true],
    ];
    assert.deepEqual(told("Plugin loaded"), inOrder);
    assert.deepEqual(told("Plugin unloaded"), inOrder.toReversed());
    assert.deepEqual(told("Plugin checksum not configured"), inOrder.slice(2));
    const loaded = logger.lines.find(({ message }) => message === "Plugin loaded");
    assert.deepEqual([loaded?.fields.plugin_version, loaded?.fields.pid], ["1.2.3", plugins[0]?.pid()]);
  });

  it("binds the service most wanted, and warns of what nobody asks for", async () => {
    const { options, logger } = prepare();
    const services = [
      "z.Unknown",
      "fake.extension.v1.Signer",
      service("KeyManager"),
      "fake.plugin.v2.KeyManager",
      config,
      "a.Unknown",
    ];
    await using catalog = await Catalog.load([makeBlock("KeyManager", "disk", { services }).block], options);
    assert.equal(catalog.one("KeyManager").boundService, "fake.plugin.v2.KeyManager");
    assert.ok(catalog.one("KeyManager").services.has("fake.extension.v1.Signer"));
    assert.deepEqual(
      logger.lines
        .filter(({ message }) => message === "Unsupported plugin service found")
        .map(({ level, fields }) => [level, fields.plugin_service]),
      ["a.Unknown", service("KeyManager"), "z.Unknown"].map((name) => ["warn", name]),
    );
  });

  it("leaves out what is disabled, and neither counts nor starts it", async () => {
    const { options, logger } = prepare();
    const disabled = makeBlock("KeyManager", "other", {}, { enabled: false });
    const blocks = [disabled, makeBlock("KeyManager", "disk")].map(({ block }) => block);
    await using catalog = await Catalog.load(blocks, options);
    assert.deepEqual(
      catalog.all("KeyManager").map(({ name }) => name),
      ["disk"],
    );
    assert.ok(Number.isNaN(disabled.pid()));
    const [line] = logger.lines.filter(({ message }) => message === "Not loading plugin; disabled");
    assert.deepEqual([line?.level, line?.fields.plugin_name], ["debug", "other"]);
  });

  const refusals: readonly [what: string, blocks: readonly PluginBlock[], reason: string, message: string][] =
    [
      [
        "there are too few",
        [],
        "PLUGIN_COUNT",
        'plugin type "KeyManager" constraint not satisfied: expected exactly 1 but got 0; built-in ones are "disk"',
      ],
      [
        "there are too many",
        [
          makeBlock("KeyManager", "disk").block,
          makeBlock("KeyManager", "mine", {}, { pluginCmd: command }).block,
        ],
        "PLUGIN_COUNT",
        'plugin type "KeyManager" constraint not satisfied: expected exactly 1 but got 2',
      ],
      [
        "all are disabled",
        [makeBlock("KeyManager", "disk", {}, { enabled: false }).block],
        "PLUGIN_COUNT",
        'plugin type "KeyManager" constraint not satisfied: expected exactly 1 but got 0; built-in ones are "disk"',
      ],
      [
        "a type is unknown, be it disabled",
        [makeBlock("KeyManager", "disk").block, makeBlock("Notifyer", "x", {}, { enabled: false }).block],
        "PLUGIN_TYPE",
        'unsupported plugin type "Notifyer": did you mean "Notifier"?',
      ],
      [
        "a type is named as every object's own",
        [makeBlock("constructor", "x").block],
        "PLUGIN_TYPE",
        'unsupported plugin type "constructor"',
      ],
      [
        "a plugin is unknown",
        [makeBlock("KeyManager", "dsk").block],
        "PLUGIN_UNKNOWN",
        'failed to load plugin "dsk": no built-in plugin "dsk" for type "KeyManager": there are "disk"; for a plugin of your own set plugin_cmd or plugin_package',
      ],
    ];
  for (const [what, blocks, reason, message] of refusals)
    it(`starts nothing when ${what}`, async () => {
      const { options, left } = prepare();
      await assert.rejects(Catalog.load(blocks, options), { reason, message });
      assert.deepEqual(left(), []);
    });

  it("ends all when one cannot start, at once, and names it", async () => {
    const { options, logger, left } = prepare();
    const hanging = makeBlock("KeyManager", "disk", { init: "hang" });
    const ready = makeBlock("Notifier", "disk");
    const failing = makeBlock("Notifier", "other", { init: "refuse" });
    await assert.rejects(
      Catalog.load(
        [hanging, ready, failing].map(({ block }) => block),
        options,
      ),
      { code: 13, message: 'failed to load plugin "other": no, thank you' },
    );
    for (const { pid } of [hanging, ready, failing]) assert.ok(!isRunning(pid()) || Number.isNaN(pid()));
    assert.deepEqual(left(), []);
    assert.ok(!logger.lines.some(({ message }) => message === "Plugin loaded"));
  });

  const failures: readonly [what: string, FakePluginBehaviour, reason: string, message: RegExp][] = [
    [
      "offers nothing of its type",
      { services: ["b.B", "a.A"] },
      "PLUGIN_SERVICES",
      /^failed to bind plugin "other": no supported plugin interface found in: \["a\.A" "b\.B"\]$/,
    ],
    [
      "refuses its configuration",
      { configure: "refuse" },
      "INTERNAL",
      /^failed to configure plugin "other": no, thank you$/,
    ],
    [
      "ends instead of being configured",
      { configure: "exit" },
      "PLUGIN_EXITED",
      /^failed to configure plugin "other": plugin ended while it was being configured \(exit status 3\): panic: out of luck$/,
    ],
  ];
  for (const [what, behaviour, reason, message] of failures)
    it(`ends all when one ${what}, and configures none after it`, async () => {
      const { options, left } = prepare();
      const plugins = [
        makeBlock("KeyManager", "disk"),
        makeBlock("Notifier", "other", behaviour),
        makeBlock("Notifier", "disk"),
      ];
      const blocks = plugins.map(({ block }) => block);
      await assert.rejects(Catalog.load(blocks, options), { reason, message });
      assert.deepEqual(
        plugins.map(({ pid }) => isRunning(pid())),
        [false, false, false],
      );
      assert.deepEqual(plugins[0]?.deeds(), ["init", "configure example.org", "deinit", "shutdown"]);
      assert.deepEqual(plugins[2]?.deeds(), ["init", "deinit", "shutdown"]);
      assert.deepEqual(left(), []);
    });

  for (const [where, behaviour, deed, message] of [
    ["start", { init: "hang" }, "init", "context canceled"],
    ["be configured", { configure: "hang" }, "configure", /^failed to configure plugin "disk": .*cancel/i],
  ] as const)
    it(`ends all when it is told to while one takes its time to ${where}`, async () => {
      const stop = new AbortController();
      const { options, left } = prepare({ signal: stop.signal });
      const plugins = [makeBlock("KeyManager", "disk", behaviour), makeBlock("Notifier", "disk")];
      const loading = Catalog.load(
        plugins.map(({ block }) => block),
        options,
      );
      const failed = assert.rejects(loading, { code: 1, reason: "CANCELLED", message });
      await plugins[0]?.until(deed);
      stop.abort();
      await failed;
      assert.deepEqual(
        plugins.map(({ pid }) => isRunning(pid())),
        [false, false],
      );
      assert.deepEqual(left(), []);
    });
});

describe("Catalog", { concurrency: 3 }, () => {
  it("starts a plugin that ends again, as it was configured, and leaves the others alone", async () => {
    const { options, logger } = prepare();
    const file = write(join(folder, "restarted.conf"), "a = 1");
    const plugins = [
      makeBlock("KeyManager", "disk"),
      makeBlock("Notifier", "disk", {}, { pluginDataFile: file }),
    ];
    await using catalog = await Catalog.load(
      plugins.map(({ block }) => block),
      options,
    );
    const [notifier] = catalog.all("Notifier");
    const before = [catalog.one("KeyManager").pid, notifier?.pid];
    // What has changed is for a reload, not for a restart.
    write(file, "a = 2");
    process.kill(before[1] ?? 0, "SIGKILL");
    await until(() => notifier?.restarts === 1);
    const after = [catalog.one("KeyManager").pid, notifier?.pid];
    assert.equal(after[0], before[0]);
    assert.notEqual(after[1], before[1]);
    assert.deepEqual(plugins[1]?.deeds(), [
      "init",
      "configure example.org a = 1",
      "init",
      "configure example.org a = 1",
    ]);
    assert.deepEqual(catalog.problems, []);
    assert.deepEqual(
      logger.lines
        .filter(({ level }) => level === "error")
        .map(({ message, fields }) => [message, fields.error]),
      [["Plugin ended, and is started again", "killed by SIGKILL"]],
    );
  });

  it("configures again what changed, and waits for none that hangs", async () => {
    const { options } = prepare();
    const files = ["hanging.conf", "changing.conf", "steady.conf"].map((name) =>
      write(join(folder, name), "a = 1"),
    );
    // It hangs at its second configuration.
    const hanging = makeBlock("KeyManager", "disk", {}, { pluginDataFile: files[0] });
    const changing = makeBlock("Notifier", "disk", {}, { pluginDataFile: files[1] });
    const steady = makeBlock("Notifier", "other", {}, { pluginDataFile: files[2] });
    await using catalog = await Catalog.load(
      [hanging, changing, steady].map(({ block }) => block),
      options,
    );
    process.kill(hanging.pid(), "SIGSTOP");
    for (const file of files.slice(0, 2)) writeFileSync(file, "a = 2");
    const reconfigured = catalog.reconfigure();
    await changing.until("configure example.org a = 2");
    process.kill(hanging.pid(), "SIGCONT");
    await reconfigured;
    assert.deepEqual(
      [hanging, changing, steady].map(({ deeds }) => deeds().length),
      [3, 3, 2],
    );
  });
});

describe("Catalog and secrets", () => {
  const given = (name: string, secret: string): string => write(join(folder, name), `${secret}\n`);

  it("gives a plugin its secrets, anew with each process, and logs none of them", async () => {
    const inData = given("in-data", "canary-data-1");
    const inEnvironment = given("in-environment", "canary-environment-1");
    const plugin = makeBlock(
      "KeyManager",
      "disk",
      { says: "my secrets are canary-environment-1 and canary-environment-2\n" },
      {
        configText: `password = "secret+file:${inData}"`,
        environment: {
          names: [],
          values: { TOKEN: `secret+file:${inEnvironment}` },
          isCompatible: false,
        },
      },
    );
    const { options, logger } = prepare();
    await using catalog = await Catalog.load([plugin.block], options);
    assert.equal(plugin.deeds().at(-1), 'configure example.org password = "canary-data-1"');
    const first = catalog.one("KeyManager").pid ?? 0;
    const tokenOf = (pid: number): string | undefined =>
      readFileSync(`/proc/${pid}/environ`, "utf8")
        .split("\0")
        .find((variable) => variable.startsWith("TOKEN="));
    assert.equal(tokenOf(first), "TOKEN=canary-environment-1");
    given("in-data", "canary-data-2");
    given("in-environment", "canary-environment-2");
    process.kill(first, "SIGKILL");
    await plugin.until('configure example.org password = "canary-data-2"');
    while (catalog.one("KeyManager").pid === undefined) await systemClock.sleep(5);
    assert.equal(tokenOf(catalog.one("KeyManager").pid ?? 0), "TOKEN=canary-environment-2");
    const said = logger.lines.filter(({ message }) => message.startsWith("my secrets are"));
    assert.deepEqual(
      said.map(({ message }) => message),
      ["my secrets are [secret] and canary-environment-2", "my secrets are [secret] and [secret]"],
    );
    assert.doesNotMatch(JSON.stringify(logger.lines), /canary-(data|environment-1)/);
  });

  it("says nothing secret of a plugin that ends with its secret on its lips", async () => {
    const plugin = makeBlock(
      "KeyManager",
      "disk",
      { says: "no luck with canary-token\n", configure: "exit" },
      {
        environment: {
          names: [],
          values: { TOKEN: `secret+file:${given("token", "canary-token")}` },
          isCompatible: false,
        },
      },
    );
    const { options } = prepare();
    await assert.rejects(Catalog.load([plugin.block], options), {
      message: /: no luck with \[secret\]\npanic: out of luck$/,
    });
  });

  it("takes secrets out of what calls fail with", async () => {
    // What grpc says of a method that nobody serves is what this plugin says of its secret.
    const file = given("quoted", "does not implement");
    const plugin = makeBlock("KeyManager", "disk", {}, { configText: `a = "secret+file:${file}"` });
    const { options } = prepare();
    await using catalog = await Catalog.load([plugin.block], options);
    const client = catalog.one("KeyManager").client(KeyManagerDefinition);
    await assert.rejects(client.getPublicKeys({}), { code: 12, message: /server \[secret\] the method/ });
  });

  it("starts no plugin whose secret cannot be had", async () => {
    const values = { TOKEN: "secret+file:/no/such/file" };
    const environment = { names: [], values, isCompatible: false };
    const plugin = makeBlock("KeyManager", "disk", {}, { environment });
    const { options } = prepare();
    await assert.rejects(Catalog.load([plugin.block], options), {
      code: 9,
      reason: "SECRET_UNAVAILABLE",
      message:
        'failed to load plugin "disk": plugin_env: TOKEN: secret+file:/no/such/file: /no: no such file or directory',
    });
    assert.deepEqual(plugin.deeds(), []);
  });
});

describe("Catalog.validate()", { concurrency: 3 }, () => {
  it("has each plugin check its configuration, configures none, and leaves nothing", async () => {
    const { options, left } = prepare();
    const plugins = [
      makeBlock("KeyManager", "disk", { noteLength: 3 }),
      makeBlock("Notifier", "disk"),
      makeBlock("Notifier", "other", { services: [service("Notifier")] }, { configText: "a = 1" }),
    ];
    const notes = await Catalog.validate(
      plugins.map(({ block }) => block),
      options,
    );
    assert.deepEqual(
      [...notes],
      [
        ['KeyManager "disk"', ["xxx"]],
        ['Notifier "other"', ["no supported configuration interface found"]],
      ],
    );
    assert.deepEqual(
      plugins.map(({ deeds, pid }) => [deeds(), isRunning(pid())]),
      Array(3).fill([["init", "deinit", "shutdown"], false]),
    );
    assert.deepEqual(left(), []);
  });

  it("makes a note of what there is too little or too much of", async () => {
    const { options } = prepare();
    assert.deepEqual(
      [...(await Catalog.validate([], options))],
      [["KeyManager", ["constraint not satisfied: expected exactly 1 but got 0"]]],
    );
  });

  it("fails when a plugin cannot be asked", async () => {
    const { options, left } = prepare();
    await assert.rejects(
      Catalog.validate([makeBlock("KeyManager", "disk", { init: "exit" }).block], options),
      {
        reason: "PLUGIN_EXITED",
        message: /^failed to load plugin "disk": plugin ended while it was being initialized/,
      },
    );
    assert.deepEqual(left(), []);
  });
});
