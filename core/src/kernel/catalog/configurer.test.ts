import assert from "node:assert/strict";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, describe, it } from "node:test";
import { Code, definePlugin, StatusError, systemClock } from "@finial/sdk";
import { KeyManager } from "@finial/sdk/server";
import { parseTrustDomain } from "@finial/sdk/spiffe";
import { captureLog, type LoadedPlugin, loadPlugin } from "@finial/sdk/testing";
import { Redaction } from "../secret/redaction.ts";
import { SecretResolver } from "../secret/secret-resolver.ts";
import { hashConfigText } from "./config-source.ts";
import { Configurer } from "./configurer.ts";
import type { PluginBlock } from "./plugin-block.ts";

const folder = mkdtempSync(join(tmpdir(), "finial-configurer-"));
after(() => rmSync(folder, { recursive: true }));
let files = 0;

/** What a plugin has been configured with, and what its next Configure says and waits for. */
interface Seen {
  readonly texts: string[];
  entered: () => void;
  wait: Promise<void>;
  refusal: string;
}

function definition(seen: Seen, { configurable = true } = {}) {
  return definePlugin({
    type: KeyManager,
    name: "fake",
    ...(configurable && {
      parseConfig: (text: string, { trustDomain }: { trustDomain: { name: string } }) => {
        if (text.includes("bad")) throw new StatusError(Code.InvalidArgument, "CONFIG", seen.refusal);
        return `${trustDomain.name}: ${text}`;
      },
    }),
    open: () => ({
      service: {},
      configure: async (text: unknown) => {
        seen.entered();
        await seen.wait;
        seen.texts.push(String(text));
      },
    }),
  });
}

const place = (printed: [line: number, column: number], source: [line: number, column: number]) => ({
  printed: { line: printed[0], column: printed[1] },
  source: { line: source[0], column: source[1] },
});

/** What the references resolve to. */
const env: Record<string, string> = {};
const resolver = new SecretResolver({ env, uid: process.geteuid?.() ?? 0, clock: systemClock });

async function start(block: Partial<PluginBlock>, options: { configurable?: boolean } = {}) {
  const seen: Seen = {
    texts: [],
    entered: () => {},
    wait: Promise.resolve(),
    refusal: "bad text\nand worse",
  };
  const plugin: LoadedPlugin = await loadPlugin(definition(seen, options));
  const logger = captureLog();
  const configurer = new Configurer({
    block: { type: "KeyManager", name: "fake", pluginArgs: [], enabled: true, ...block },
    trustDomain: parseTrustDomain("example.org"),
    logger,
    services: plugin.services,
    secrets: { resolver, redaction: new Redaction() },
  });
  const { client } = plugin;
  const bound = {
    get reconfigurable() {
      return configurer.reconfigurable;
    },
    configure: (options?: { readonly signal?: AbortSignal }) => configurer.configure(client, options),
    configureAgain: () => configurer.configureAgain(client),
    validate: () => configurer.validate(client),
    reconfigure: () => configurer.reconfigure(client),
  };
  return { configurer: bound, seen, logger, [Symbol.asyncDispose]: () => plugin[Symbol.asyncDispose]() };
}

function fileWith(text: string): string {
  const path = join(folder, `plugin-${files++}.conf`);
  writeFileSync(path, text);
  return path;
}

describe("Configurer.configure()", () => {
  it("gives the plugin its text and the trust domain, and says that it will not change", async () => {
    await using started = await start({ configText: "a = 1" });
    await started.configurer.configure();
    assert.deepEqual(started.seen.texts, ["example.org: a = 1"]);
    assert.equal(started.configurer.reconfigurable, false);
    assert.deepEqual(started.logger.lines, [
      { level: "info", message: "Configured plugin", fields: { reconfigurable: false } },
    ]);
  });

  it("configures a plugin without a text, too", async () => {
    await using started = await start({});
    await started.configurer.configure();
    assert.deepEqual(started.seen.texts, ["example.org: "]);
  });

  it("reads a file, and says which text it has", async () => {
    await using started = await start({ pluginDataFile: fileWith("a = 1") });
    await started.configurer.configure();
    assert.deepEqual(started.seen.texts, ["example.org: a = 1"]);
    assert.deepEqual(started.logger.lines, [
      {
        level: "info",
        message: "Configured plugin",
        fields: { reconfigurable: true, hash: hashConfigText("a = 1") },
      },
    ]);
  });

  it("fails as the plugin does", async () => {
    await using started = await start({ configText: "bad" });
    await assert.rejects(started.configurer.configure(), {
      code: 3,
      message: "bad text\nand worse",
    });
  });

  it("gives a plugin that takes no configuration none, and refuses to", async () => {
    for (const configText of [undefined, "", " \n"]) {
      await using started = await start({ configText }, { configurable: false });
      await started.configurer.configure();
      assert.equal(started.configurer.reconfigurable, false);
    }
    await using started = await start({ configText: "a = 1" }, { configurable: false });
    await assert.rejects(started.configurer.configure(), {
      code: 9,
      reason: "NO_CONFIGURATION_INTERFACE",
      message: "no supported configuration interface found",
    });
  });

  it("ends with its signal", async () => {
    await using started = await start({});
    started.seen.wait = new Promise(() => {});
    const stop = new AbortController();
    const configuring = started.configurer.configure({ signal: stop.signal });
    stop.abort();
    await assert.rejects(configuring, { code: 1 });
  });
});

describe("Configurer and secrets", () => {
  const password = (value: string): string => `password = "${value}"`;

  it("gives the plugin the secret, and logs neither it nor what could be guessed from it", async () => {
    env.PASSWORD = "canary-1";
    await using started = await start({ configText: password("secret+env:PASSWORD") });
    assert.equal(started.configurer.reconfigurable, true);
    await started.configurer.configure();
    assert.deepEqual(started.seen.texts, [`example.org: ${password("canary-1")}`]);
    const hash = hashConfigText(password("secret+env:PASSWORD"));
    assert.deepEqual(started.logger.lines, [
      { level: "info", message: "Configured plugin", fields: { reconfigurable: true, hash } },
    ]);
  });

  it("follows a secret that changed, and says only that it did", async () => {
    env.PASSWORD = "canary-1";
    await using started = await start({ configText: password("secret+env:PASSWORD") });
    const { configurer, seen, logger } = started;
    await configurer.configure();
    await configurer.reconfigure();
    env.PASSWORD = "canary-2";
    await configurer.reconfigure();
    await configurer.reconfigure();
    assert.deepEqual(
      seen.texts,
      ["canary-1", "canary-2"].map((value) => `example.org: ${password(value)}`),
    );
    const hash = hashConfigText(password("secret+env:PASSWORD"));
    assert.deepEqual(
      logger.lines.slice(1).map(({ message, fields }) => [message, fields]),
      [
        ["Plugin not reconfigured since the config is unchanged", { hash }],
        ["Plugin reconfigured", { old_hash: hash, new_hash: hash, secrets_changed: true }],
        ["Plugin not reconfigured since the config is unchanged", { hash }],
      ],
    );
  });

  it("follows the text of a file and its secrets, each by itself", async () => {
    env.PASSWORD = "canary-1";
    const file = fileWith(password("secret+env:PASSWORD"));
    await using started = await start({ pluginDataFile: file });
    await started.configurer.configure();
    writeFileSync(file, `# Said otherwise.\n${password("secret+env:PASSWORD")}`);
    await started.configurer.reconfigure();
    assert.deepEqual(started.seen.texts[1], `example.org: # Said otherwise.\n${password("canary-1")}`);
    assert.equal("secrets_changed" in (started.logger.lines[1]?.fields ?? {}), false);
  });

  it("goes on with the secret it has when the new one cannot be had", async () => {
    env.PASSWORD = "canary-1";
    await using started = await start({
      configText: password("secret+env:PASSWORD"),
      configOrigin: { file: "server.conf", places: [place([1, 1], [7, 3]), place([1, 12], [7, 14])] },
    });
    const { configurer, seen, logger } = started;
    await configurer.configure();
    delete env.PASSWORD;
    await configurer.reconfigure();
    assert.equal(seen.texts.length, 1);
    assert.deepEqual(logger.lines[1], {
      level: "error",
      message: "Failed to reconfigure plugin",
      fields: {
        error: "server.conf:7:14: secret+env:PASSWORD: the daemon's environment has no such variable",
        hash: hashConfigText(password("secret+env:PASSWORD")),
      },
    });
    env.PASSWORD = "canary-2";
    await configurer.reconfigure();
    assert.equal(seen.texts.length, 2);
  });

  it("says where the secret is that cannot be had, and asks the plugin nothing", async () => {
    delete env.PASSWORD;
    await using started = await start({
      configText: password("secret+env:PASSWORD"),
      configOrigin: { file: "server.conf", places: [place([1, 1], [7, 3]), place([1, 12], [7, 14])] },
    });
    const message = "server.conf:7:14: secret+env:PASSWORD: the daemon's environment has no such variable";
    await assert.rejects(started.configurer.configure(), { code: 9, reason: "SECRET_UNAVAILABLE", message });
    assert.deepEqual(await started.configurer.validate(), [message]);
    assert.deepEqual(started.seen.texts, []);
  });

  it("takes the secret out of what the plugin says of it", async () => {
    env.PASSWORD = "bad canary";
    await using started = await start({ configText: password("secret+env:PASSWORD") });
    const { configurer, seen } = started;
    seen.refusal = 'plugin_data:1:12: "bad canary" is no password';
    await assert.rejects(configurer.configure(), (error: StatusError) => {
      assert.equal(error.message, 'plugin_data:1:12: "[secret]" is no password');
      assert.equal(error.cause, undefined);
      return true;
    });
    assert.deepEqual(await configurer.validate(), ['plugin_data:1:12: "[secret]" is no password']);
  });

  it("finds the place in the file although the secret is longer than the reference", async () => {
    env.P = `bad ${"x".repeat(100)}`;
    const text = `${password("secret+env:P")} user = "u"`;
    await using started = await start({ pluginDataFile: fileWith(text), configOrigin: { file: "p.conf" } });
    started.seen.refusal = `plugin_data:1:${`password = "${env.P}" `.length + 1}: unknown key "user"`;
    await assert.rejects(started.configurer.configure(), {
      message: `p.conf:1:${password("secret+env:P").length + 2}: unknown key "user"`,
    });
  });

  it("gives none to a plugin that takes no configuration", async () => {
    await using started = await start({ configText: password("secret+env:NONE") }, { configurable: false });
    assert.equal(started.configurer.reconfigurable, false);
    await assert.rejects(started.configurer.configure(), { reason: "NO_CONFIGURATION_INTERFACE" });
  });
});

describe("Configurer.validate()", () => {
  it("gives the plugin's notes, and configures nothing", async () => {
    await using started = await start({ configText: "bad" });
    assert.deepEqual(await started.configurer.validate(), ["bad text", "and worse"]);
    assert.deepEqual(started.seen.texts, []);
    await using other = await start({ configText: "good" });
    assert.deepEqual(await other.configurer.validate(), []);
  });

  it("makes notes of a file that is not there, and of a text that nobody takes", async () => {
    await using started = await start({ pluginDataFile: join(folder, "none") });
    const [note] = await started.configurer.validate();
    assert.match(note ?? "", /^failed to load plugin data: ENOENT/);
    await using mute = await start({ configText: "a = 1" }, { configurable: false });
    assert.deepEqual(await mute.configurer.validate(), ["no supported configuration interface found"]);
    await using silent = await start({}, { configurable: false });
    assert.deepEqual(await silent.configurer.validate(), []);
  });
});

describe("Configurer.reconfigure()", () => {
  it("configures again what changed, and says what it was and is", async () => {
    const file = fileWith("a = 1");
    await using started = await start({ pluginDataFile: file });
    const { configurer, seen, logger } = started;
    await configurer.configure();
    await configurer.reconfigure();
    writeFileSync(file, "a = 2");
    await configurer.reconfigure();
    await configurer.reconfigure();
    assert.deepEqual(seen.texts, ["example.org: a = 1", "example.org: a = 2"]);
    const [old_hash, new_hash] = [hashConfigText("a = 1"), hashConfigText("a = 2")];
    assert.deepEqual(
      logger.lines.slice(1).map(({ message, fields }) => [message, fields]),
      [
        ["Plugin not reconfigured since the config is unchanged", { hash: old_hash }],
        ["Plugin reconfigured", { old_hash, new_hash }],
        ["Plugin not reconfigured since the config is unchanged", { hash: new_hash }],
      ],
    );
  });

  it("goes on as it was when the plugin refuses, and tries again", async () => {
    const file = fileWith("a = 1");
    await using started = await start({ pluginDataFile: file });
    const { configurer, seen, logger } = started;
    await configurer.configure();
    writeFileSync(file, "bad");
    await configurer.reconfigure();
    await configurer.reconfigure();
    rmSync(file);
    await configurer.reconfigure();
    assert.deepEqual(
      logger.lines.slice(1).map(({ level, message, fields }) => [level, message, fields.hash]),
      Array(3).fill(["error", "Failed to reconfigure plugin", hashConfigText("a = 1")]),
    );
    assert.equal(logger.lines[1]?.fields.error, "bad text\nand worse");
    writeFileSync(file, "a = 3");
    await configurer.reconfigure();
    assert.deepEqual(seen.texts, ["example.org: a = 1", "example.org: a = 3"]);
  });

  it("leaves alone what has no file", async () => {
    await using started = await start({ configText: "a = 1" });
    await started.configurer.configure();
    await started.configurer.reconfigure();
    assert.equal(started.seen.texts.length, 1);
  });

  it("lets the newest text win when asked twice at a time", async () => {
    const file = fileWith("a = 1");
    await using started = await start({ pluginDataFile: file });
    const { configurer, seen } = started;
    await configurer.configure();
    const entered = Promise.withResolvers<void>();
    const released = Promise.withResolvers<void>();
    seen.entered = entered.resolve;
    seen.wait = released.promise;
    writeFileSync(file, "a = 2");
    const first = configurer.reconfigure();
    await entered.promise;
    // The plugin holds the first while the file changes again.
    writeFileSync(file, "a = 3");
    const second = configurer.reconfigure();
    seen.entered = () => assert.equal(seen.texts.length, 2, "the second waits for the first");
    await new Promise((resolve) => setTimeout(resolve, 20));
    released.resolve();
    await Promise.all([first, second]);
    assert.deepEqual(seen.texts.slice(1), ["example.org: a = 2", "example.org: a = 3"]);
  });
});
