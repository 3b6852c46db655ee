import assert from "node:assert/strict";
import { after, before, beforeEach, describe, it } from "node:test";
import {
  ReconfigurePluginsResponse_Outcome as Outcome,
  PluginDefinition,
  PluginState,
  type PluginStatus,
} from "@finial/proto/api/plugin/v1/plugin";
import { Code, StatusError } from "@finial/sdk";
import { agentProgram } from "../agent/program.ts";
import { FakeDaemon } from "../fake-daemon.ts";
import { FakeIo } from "../fake-io.ts";
import { runProgram } from "../main.ts";
import { serverProgram } from "../server/program.ts";

const disk: PluginStatus = {
  name: { type: "KeyManager", name: "disk" },
  state: PluginState.SERVING,
  problem: "",
  pid: 4711,
  version: "0.1.0",
  restarts: 3,
  sealed: true,
  external: false,
  reconfigurable: false,
  services: ["a.A", "b.B"],
  servingSince: Date.parse("2026-01-31T13:44:00Z") / 1000,
};
const vendors: PluginStatus = {
  ...disk,
  name: { type: "Notifier", name: "of_a_vendor" },
  state: PluginState.OUT_OF_SERVICE,
  problem: 'plugin Notifier "of_a_vendor" keeps ending; the last time: exit status 3: panic\n\u001b[2J',
  pid: 0,
  version: "",
  sealed: false,
  external: true,
  reconfigurable: true,
  services: [],
  servingSince: 0,
};

describe("plugin commands", () => {
  let daemon: FakeDaemon;
  let io: FakeIo;
  let outcomes: readonly Outcome[] = [];

  before(async () => {
    daemon = await new FakeDaemon()
      .serve(PluginDefinition, {
        listPlugins: () => ({ plugins: [disk, vendors] }),
        restartPlugin: ({ name }) => {
          if (name?.name !== "disk")
            throw new StatusError(Code.NotFound, "X", "there is no such plugin\u001b[2J");
          return { plugin: { ...disk, pid: 4712 } };
        },
        upgradePlugin: ({ name }) => {
          if (name?.name !== "disk")
            throw new StatusError(Code.FailedPrecondition, "X", "it has lost its keys");
          return { before: disk, plugin: { ...disk, pid: 4713, version: "0.2.0" } };
        },
        reconfigurePlugins: () => ({
          results: outcomes.map((outcome) => ({
            name: disk.name,
            outcome,
            error: outcome === Outcome.REFUSED ? "no such file" : "",
          })),
        }),
        watchPluginLog: async function* ({ follow }, { signal }) {
          const timeMs = Date.parse("2026-01-31T13:45:00Z");
          const fields = { plugin_name: "disk", path: "a b", count: "2", "x\u001b[2J": "3" };
          yield { timeMs, level: "info", message: 'Loaded "it"\u001b[2J\u009b', fields };
          if (follow) await new Promise((resolve) => signal.addEventListener("abort", resolve));
        },
      })
      .start();
  });
  after(async () => await daemon[Symbol.asyncDispose]());
  beforeEach(() => {
    io = new FakeIo();
    daemon.requests.length = 0;
  });

  const ask = (command: string, ...args: readonly string[]): Promise<number> =>
    runProgram(serverProgram, ["plugin", command, "-socketPath", daemon.socketPath, ...args], io);

  it("list shows a row for each", async () => {
    assert.equal(await ask("list"), 0);
    assert.equal(
      io.out,
      [
        "TYPE        NAME         VERSION  PID   STATE           RESTARTS  LINK    ORIGIN",
        "KeyManager  disk         0.1.0    4711  serving         3         sealed  built-in",
        "Notifier    of_a_vendor  -        -     out of service  3         plain   plugin_cmd",
        "",
      ].join("\n"),
    );
    io = new FakeIo();
    assert.equal(await ask("list", "-output", "json"), 0);
    assert.equal(JSON.parse(io.out).plugins.length, 2);
  });

  it("works on an agent's admin socket, too", async () => {
    const args = ["plugin", "list", "-adminSocketPath", daemon.socketPath];
    assert.equal(await runProgram(agentProgram, args, io), 0);
    assert.match(io.out, /^TYPE +NAME/);
  });

  it("status tells everything of one", async () => {
    assert.equal(await ask("status", "KeyManager", "disk"), 0);
    assert.equal(
      io.out,
      [
        'Plugin        : KeyManager "disk"',
        "State         : serving",
        "Process       : 4711, serving for 60 s",
        "Restarts      : 3",
        "Version       : 0.1.0",
        "Origin        : built-in",
        "Link          : sealed",
        "Configuration : in the daemon's own file",
        "Services      : a.A",
        "              : b.B",
        "",
      ].join("\n"),
    );
    io = new FakeIo();
    assert.equal(await ask("status", "Notifier", "of_a_vendor"), 0);
    assert.match(
      io.out,
      /^State +: out of service\nProblem +: plugin .* keeps ending.*panic\\n\\u001b\[2J$/m,
    );
    assert.match(io.out, /^Configuration : read anew at reload$/m);
  });

  it("restart says which process serves now", async () => {
    assert.equal(await ask("restart", "KeyManager", "disk"), 0);
    assert.equal(io.out, 'Restarted KeyManager "disk": process 4712 serves\n');
    io = new FakeIo();
    assert.equal(await ask("restart", "KeyManager", "none"), 1);
    assert.equal(io.err, "Error: rpc error: code = NotFound desc = there is no such plugin\\u001b[2J\n");
  });

  it("upgrade says which version took over from which, or why none did", async () => {
    assert.equal(await ask("upgrade", "KeyManager", "disk"), 0);
    assert.equal(
      io.out,
      'Upgraded KeyManager "disk": process 4713 (version 0.2.0) took over from process 4711 (version 0.1.0)\n',
    );
    io = new FakeIo();
    assert.equal(await ask("upgrade", "KeyManager", "other"), 1);
    assert.equal(io.err, "Error: rpc error: code = FailedPrecondition desc = it has lost its keys\n");
  });

  it("reload says what came of each, and fails when one refused", async () => {
    outcomes = [Outcome.FIXED, Outcome.UNCHANGED, Outcome.RECONFIGURED];
    assert.equal(await ask("reload"), 0);
    assert.deepEqual(io.out.trim().split("\n"), [
      'KeyManager "disk": its configuration is in the daemon\'s own file, which plugin upgrade reads anew',
      'KeyManager "disk": nothing has changed',
      'KeyManager "disk": configured anew',
    ]);
    assert.deepEqual(daemon.requests, [["ReconfigurePlugins", { name: undefined }]]);
    io = new FakeIo();
    outcomes = [Outcome.UNCHANGED, Outcome.REFUSED];
    assert.equal(await ask("reload", "KeyManager", "disk"), 1);
    assert.match(io.out, /refused, and goes on as it was: no such file\n$/);
    assert.equal(io.err, "Error: 1 of 2 plugins refused\n");
  });

  it("logs prints lines that a terminal does not obey", async () => {
    assert.equal(await ask("logs", "-lines", "5", "KeyManager", "disk"), 0);
    assert.equal(
      io.out,
      '2026-01-31T13:45:00.000Z info  Loaded "it"\\u001b[2J\\u009b count="2" path="a b" "x\\u001b[2J"="3"\n',
    );
    assert.deepEqual(daemon.requests[0]?.[1], { name: disk.name, last: 5, follow: false });
  });

  it("logs -follow ends well when it is interrupted", async () => {
    const following = ask("logs", "-follow", "KeyManager", "disk");
    while (io.out === "") await new Promise(setImmediate);
    io.interruption.abort();
    assert.deepEqual([await following, io.err], [0, ""]);
  });

  for (const args of [[], ["KeyManager"], ["KeyManager", "disk", "more"]])
    it(`restart asks for one plugin, not for ${JSON.stringify(args)}`, async () => {
      assert.equal(await ask("restart", ...args), 1);
      assert.equal(
        io.err,
        'Error: name one plugin as its block does, such as KeyManager disk; "plugin list" shows all\n',
      );
      assert.deepEqual(daemon.requests, []);
    });
});
