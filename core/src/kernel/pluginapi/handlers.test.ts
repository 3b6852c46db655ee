import assert from "node:assert/strict";
import { describe, it } from "node:test";
import {
  ReconfigurePluginsResponse_Outcome as Outcome,
  PluginState,
} from "@finial/proto/api/plugin/v1/plugin";
import { Code, StatusError } from "@finial/sdk";
import type { CallContext } from "@finial/sdk/internal";
import { captureLog, FakeClock } from "@finial/sdk/testing";
import type { Reconfigured } from "../catalog/configurer.ts";
import { RecentLog } from "../catalog/recent-log.ts";
import { type ManagedPlugin, pluginHandlers } from "./handlers.ts";

const clock = new FakeClock();

/** A plugin that notes what it is told to do. */
function fake(name: string, more: Partial<ManagedPlugin> = {}) {
  const asked: string[] = [];
  const recentLog = new RecentLog(clock);
  const plugin: ManagedPlugin = {
    type: "KeyManager",
    name,
    services: new Set(["b.Service", "a.Service"]),
    pid: 7,
    restarts: 2,
    problem: undefined,
    servingSince: clock.now(),
    description: { version: "1.2.3", sealed: true, external: false, reconfigurable: true },
    recentLog,
    reconfigure: async () => {
      asked.push("reconfigure");
      return { outcome: "unchanged" };
    },
    restart: async () => {
      asked.push("restart");
    },
    ...more,
  };
  return { plugin, asked, log: recentLog.logger(captureLog()) };
}

function context(signal = new AbortController().signal): CallContext {
  return { signal, metadata: { get: () => [] }, peer: "", method: "", values: new Map() };
}

const handlersOf = (...plugins: readonly ManagedPlugin[]) =>
  pluginHandlers({ plugins, upgrade: () => assert.fail("no upgrade was asked for") });

const disk = { type: "KeyManager", name: "disk" };

describe("pluginHandlers()", () => {
  it("tells of each plugin what state it is in", async () => {
    const { listPlugins } = handlersOf(
      fake("disk").plugin,
      fake("away", { pid: undefined, servingSince: undefined }).plugin,
      fake("ill", { problem: "it keeps ending" }).plugin,
    );
    const { plugins = [] } = await listPlugins({}, context());
    assert.deepEqual(plugins[0], {
      name: disk,
      state: PluginState.SERVING,
      problem: "",
      pid: 7,
      restarts: 2,
      version: "1.2.3",
      sealed: true,
      external: false,
      reconfigurable: true,
      services: ["a.Service", "b.Service"],
      servingSince: Math.floor(clock.now().getTime() / 1000),
    });
    assert.deepEqual(
      plugins
        .slice(1)
        .map(({ state, problem, pid, servingSince }) => [state, problem, pid, servingSince !== 0]),
      [
        [PluginState.RESTARTING, "", 0, false],
        [PluginState.OUT_OF_SERVICE, "it keeps ending", 7, true],
      ],
    );
  });

  it("restarts the one that is named, and no other", async () => {
    const [one, other] = [fake("disk"), fake("other")];
    const { restartPlugin } = handlersOf(one.plugin, other.plugin);
    const { plugin } = await restartPlugin({ name: disk }, context());
    assert.deepEqual([plugin?.name, one.asked, other.asked], [disk, ["restart"], []]);
  });

  it("upgrades the one that is named, and tells of it before and after", async () => {
    let restarts = 2;
    const { plugin } = fake("disk");
    const changing: ManagedPlugin = Object.defineProperty({ ...plugin }, "restarts", { get: () => restarts });
    const { upgradePlugin } = pluginHandlers({
      plugins: [fake("other").plugin, changing],
      upgrade: async (asked) => {
        assert.equal(asked, changing);
        restarts = 3;
      },
    });
    const upgraded = await upgradePlugin({ name: disk }, context());
    assert.deepEqual([upgraded.before?.restarts, upgraded.plugin?.restarts], [2, 3]);
    const failing = pluginHandlers({ plugins: [plugin], upgrade: () => Promise.reject(new Error("no")) });
    await assert.rejects(async () => await failing.upgradePlugin({ name: disk }, context()), {
      message: "no",
    });
  });

  it("says what came of reconfiguring all, or one", async () => {
    const outcomes: readonly Reconfigured[] = [
      { outcome: "fixed" },
      { outcome: "reconfigured" },
      { outcome: "refused", error: "no such file" },
    ];
    const plugins = outcomes.map(
      (result, index) => fake(`p${index}`, { reconfigure: async () => result }).plugin,
    );
    const { reconfigurePlugins } = handlersOf(...plugins);
    const { results = [] } = await reconfigurePlugins({ name: undefined }, context());
    assert.deepEqual(
      results.map(({ name, outcome, error }) => [name?.name, outcome, error]),
      [
        ["p0", Outcome.FIXED, ""],
        ["p1", Outcome.RECONFIGURED, ""],
        ["p2", Outcome.REFUSED, "no such file"],
      ],
    );
    const one = await reconfigurePlugins({ name: { type: "KeyManager", name: "p1" } }, context());
    assert.equal(one.results?.length, 1);
  });

  it("gives the last lines of a log, and those that come while somebody follows", async () => {
    const { plugin, log } = fake("disk");
    const { watchPluginLog } = handlersOf(plugin);
    for (const word of ["one", "two", "three"]) log.debug(word, { n: 1 });
    const read = async (last: number) =>
      (await Array.fromAsync(watchPluginLog({ name: disk, last, follow: false }, context()))).map(
        ({ message }) => message,
      );
    assert.deepEqual(
      [await read(0), await read(2)],
      [
        ["one", "two", "three"],
        ["two", "three"],
      ],
    );
    const leave = new AbortController();
    const seen: unknown[] = [];
    for await (const line of watchPluginLog({ name: disk, last: 1, follow: true }, context(leave.signal))) {
      seen.push([line.level, line.message, line.fields, line.timeMs]);
      if (seen.length === 3) leave.abort();
      else log.warn(`after ${seen.length}`);
    }
    const now = clock.now().getTime();
    assert.deepEqual(seen, [
      ["debug", "three", { n: "1" }, now],
      ["warn", "after 1", {}, now],
      ["warn", "after 2", {}, now],
    ]);
  });

  for (const [title, name, code, message] of [
    ["nothing", undefined, Code.InvalidArgument, "a plugin is named by its type and its name"],
    [
      "a type alone",
      { type: "KeyManager", name: "" },
      Code.InvalidArgument,
      "a plugin is named by its type and its name",
    ],
    [
      "a slip",
      { type: "KeyManager", name: "dsik" },
      Code.NotFound,
      'there is no plugin KeyManager "dsik"; did you mean KeyManager "disk"?',
    ],
    [
      "something else",
      { type: "Notifier", name: "k8sbundle" },
      Code.NotFound,
      'there is no plugin Notifier "k8sbundle"; there are KeyManager "disk"',
    ],
  ] as const)
    it(`finds no plugin by ${title}`, async () => {
      const { plugin, asked } = fake("disk");
      const { restartPlugin } = handlersOf(plugin);
      await assert.rejects(
        async () => await restartPlugin({ name }, context()),
        (error: unknown) => {
          const status = StatusError.from(error);
          assert.deepEqual([status.code, status.message], [code, message]);
          return true;
        },
      );
      assert.deepEqual(asked, []);
    });
});
