import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { Code, StatusError } from "@finial/sdk";
import { captureLog, FakeClock } from "@finial/sdk/testing";
import fc from "fast-check";
import type { Exit } from "./plugin-process.ts";
import { type Instance, refusedReason, Supervisor } from "./supervisor.ts";

const killed: Exit = { code: null, signal: "SIGKILL" };

/** A process that ends when the test says so. */
class FakeInstance implements Instance {
  readonly pid: number;
  readonly #exit = Promise.withResolvers<Exit>();
  readonly exited = this.#exit.promise;
  readonly said = Promise.resolve();
  lastWords = "";
  isRunning = true;
  disposed = 0;
  /** What its disposal throws. */
  left: Error | undefined;

  constructor(pid: number) {
    this.pid = pid;
  }

  end(exit: Exit = killed): void {
    this.isRunning = false;
    this.#exit.resolve(exit);
  }

  kill(): void {
    this.end();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.disposed++;
    this.end({ code: 0, signal: null });
    if (this.left !== undefined) throw this.left;
  }
}

function supervise() {
  const clock = new FakeClock();
  const logger = captureLog();
  const stop = new AbortController();
  const made: FakeInstance[] = [];
  const events: string[] = [];
  const problems: (string | undefined)[] = [];
  const state = {
    /** What the next starts throw, one after the other. */
    failures: [] as StatusError[],
    /** How long a start takes. */
    startMs: 0,
    hung: Promise.withResolvers<string>(),
  };
  const make = (): FakeInstance => {
    const instance = new FakeInstance(made.length + 1);
    made.push(instance);
    return instance;
  };
  const supervisor = new Supervisor<FakeInstance>({
    title: 'KeyManager "fake"',
    first: make(),
    start: async (signal) => {
      events.push("start");
      if (state.startMs > 0) await clock.sleep(state.startMs, { signal });
      const failure = state.failures.shift();
      if (failure !== undefined) throw failure;
      return make();
    },
    onUp: ({ pid }) => events.push(`up ${pid}`),
    onDown: (how) => events.push(`down ${how}`),
    watch: async (_, signal) =>
      await Promise.race([
        state.hung.promise,
        new Promise<never>((_, reject) => signal.addEventListener("abort", () => reject(signal.reason))),
      ]),
    onProblem: (problem) => problems.push(problem),
    signal: stop.signal,
    clock,
    random: () => 0,
    logger,
  });
  const last = (): FakeInstance => made.at(-1) ?? assert.fail("none was made");
  return { clock, events, last, logger, made, problems, state, stop, supervisor };
}

describe("Supervisor", () => {
  it("starts another at once when the process ends, and says so once", async () => {
    const { clock, events, last, logger, made, problems, supervisor } = supervise();
    await clock.advance(5000);
    last().end();
    await clock.advance(0);
    assert.deepEqual(events, ["up 1", "down killed by SIGKILL", "start", "up 2"]);
    assert.deepEqual([supervisor.pid, supervisor.restarts, supervisor.problem], [2, 1, undefined]);
    assert.equal(made[0]?.disposed, 1, "what the first left is removed");
    assert.deepEqual(problems, []);
    assert.deepEqual(
      logger.lines.map(({ level, message, fields }) => [level, message, fields]),
      [
        [
          "error",
          "Plugin ended, and is started again",
          { pid: 1, error: "killed by SIGKILL", served_ms: 5000, wait_ms: 0 },
        ],
        ["info", "Plugin serves again", { pid: 2, away_ms: 0, restarts: 1 }],
      ],
    );
    await supervisor[Symbol.asyncDispose]();
  });

  it("has another process take over, and leaves the one that was to who asked", async () => {
    const { clock, events, logger, made, supervisor } = supervise();
    await clock.advance(5000);
    const next = new FakeInstance(77);
    const handed = supervisor.handOver(next);
    await clock.advance(0);
    assert.equal(await handed, made[0]);
    assert.deepEqual([events, supervisor.pid, supervisor.restarts], [["up 1", "up 77"], 77, 0]);
    assert.deepEqual([made[0]?.disposed, made[0]?.isRunning, logger.lines], [0, true, []]);
    // From now on it is the other that is looked after.
    made[0]?.end();
    await clock.advance(0);
    assert.equal(supervisor.pid, 77);
    next.end();
    await clock.advance(0);
    assert.deepEqual([supervisor.pid, supervisor.restarts], [2, 1]);
    await supervisor[Symbol.asyncDispose]();
    assert.equal(made[1]?.disposed, 1);
  });

  it("hands nothing over while there is no process, nor when it is stopped", async () => {
    const { clock, last, state, supervisor } = supervise();
    await clock.advance(5000);
    state.startMs = 1000;
    last().end();
    await clock.advance(0);
    const next = new FakeInstance(77);
    await assert.rejects(supervisor.handOver(next), { code: Code.FailedPrecondition, reason: "PLUGIN_AWAY" });
    await clock.advance(5000);
    const ending = supervisor[Symbol.asyncDispose]();
    await assert.rejects(supervisor.handOver(next), { code: Code.Cancelled, reason: "PLUGIN_STOPPED" });
    await ending;
    assert.equal(next.disposed, 0);
  });

  it("starts another although something is left that cannot be removed", async () => {
    const { clock, last, logger, supervisor } = supervise();
    last().left = new Error("EACCES: permission denied");
    last().end();
    await clock.advance(0);
    assert.equal(supervisor.pid, 2);
    last().left = new Error("EACCES: permission denied");
    const restarted = supervisor.restart();
    await clock.advance(0);
    await restarted;
    assert.equal(supervisor.pid, 3);
    assert.deepEqual(
      logger.lines.flatMap(({ level, message, fields }) => (level === "warn" ? [[message, fields]] : [])),
      [1, 2].map((pid) => [
        "Plugin left what cannot be removed",
        { pid, error: "EACCES: permission denied" },
      ]),
    );
    await supervisor[Symbol.asyncDispose]();
  });

  it("ends it in its turn when a restart is asked for, and only then starts another", async () => {
    const { clock, events, last, logger, made, problems, supervisor } = supervise();
    await clock.advance(5000);
    const [one, same] = [supervisor.restart(), supervisor.restart()];
    await clock.advance(0);
    await Promise.all([one, same]);
    assert.deepEqual(events, ["up 1", "down a restart was asked for", "start", "up 2"]);
    assert.deepEqual([made[0]?.disposed, supervisor.pid, supervisor.restarts], [1, 2, 1]);
    assert.deepEqual(supervisor.servingSince, clock.now());
    assert.deepEqual(problems, []);
    assert.ok(logger.lines.every(({ level }) => level === "info"));
    // Asked for as often as one likes, it slows nothing down.
    for (let time = 0; time < 10; time++) {
      const again = supervisor.restart();
      await clock.advance(0);
      await again;
    }
    last().end();
    await clock.advance(0);
    assert.deepEqual([supervisor.pid, problems], [13, []]);
    await supervisor[Symbol.asyncDispose]();
  });

  it("tells who asked for a restart when the other does not come up, and tries on", async () => {
    const { clock, state, supervisor } = supervise();
    await clock.advance(5000);
    state.failures = [new StatusError(Code.Unavailable, "X", "no more memory")];
    const asked = assert.rejects(supervisor.restart(), {
      code: Code.Unavailable,
      reason: "PLUGIN_RESTART",
      message: 'plugin KeyManager "fake" does not serve: no more memory',
    });
    await clock.advance(0);
    await asked;
    assert.equal(supervisor.pid, 2);
    await supervisor[Symbol.asyncDispose]();
  });

  it("restarts none that is being started anyway, and none that is stopped", async () => {
    const { clock, last, state, supervisor } = supervise();
    await clock.advance(5000);
    state.startMs = 1000;
    last().end();
    await clock.advance(0);
    await assert.rejects(supervisor.restart(), { code: Code.FailedPrecondition, reason: "PLUGIN_AWAY" });
    await clock.advance(5000);
    const asked = assert.rejects(supervisor.restart(), { code: Code.Cancelled, reason: "PLUGIN_STOPPED" });
    await clock.advance(0);
    await supervisor[Symbol.asyncDispose]();
    await asked;
    await assert.rejects(supervisor.restart(), { reason: "PLUGIN_STOPPED" });
    await assert.rejects(supervisor.handOver(last()), { reason: "PLUGIN_STOPPED" });
  });

  it("waits longer and longer for one that keeps ending, and says what it said last", async () => {
    const { clock, events, last, logger, problems, supervisor } = supervise();
    for (let end = 0; end < 4; end++) {
      last().lastWords = "panic: no disk";
      last().end({ code: 3, signal: null });
      await clock.advance(0);
    }
    assert.equal(supervisor.pid, undefined);
    const problem = 'plugin KeyManager "fake" keeps ending; the last time: exit status 3: panic: no disk';
    assert.deepEqual(problems, [problem]);
    assert.equal(supervisor.problem, problem);
    assert.deepEqual(
      logger.lines
        .filter(({ message }) => message === "Plugin is out of service")
        .map(({ fields }) => fields),
      [{ error: problem }],
    );
    await clock.advance(99);
    assert.equal(events.at(-1), "down exit status 3");
    await clock.advance(1);
    assert.equal(events.at(-1), "up 5");
    // It is well when it has served well.
    await clock.advance(1999);
    assert.notEqual(supervisor.problem, undefined);
    await clock.advance(1);
    assert.deepEqual([supervisor.problem, problems.at(-1)], [undefined, undefined]);
    await supervisor[Symbol.asyncDispose]();
  });

  it("ends a process that hangs, and starts another", async () => {
    const { clock, events, made, state, supervisor } = supervise();
    await clock.advance(3000);
    const { hung } = state;
    state.hung = Promise.withResolvers();
    hung.resolve("it has not answered for 3.0 s");
    await clock.advance(0);
    assert.equal(made[0]?.isRunning, false);
    assert.deepEqual(events.slice(1), ["down it has not answered for 3.0 s", "start", "up 2"]);
    await supervisor[Symbol.asyncDispose]();
  });

  it("ends a process that did what it may not, and no other", async () => {
    const { clock, events, made, supervisor } = supervise();
    await clock.advance(3000);
    supervisor.replace("it sent too much");
    await clock.advance(0);
    assert.deepEqual([made[0]?.isRunning, made[1]?.isRunning], [false, true]);
    assert.deepEqual(events.slice(1), ["down it sent too much", "start", "up 2"]);
    await supervisor[Symbol.asyncDispose]();
  });

  it("says at once that a process was refused, tries on, and takes one that is good", async () => {
    const { clock, last, problems, state, supervisor } = supervise();
    await clock.advance(3000);
    state.failures = Array(9).fill(
      new StatusError(Code.FailedPrecondition, refusedReason, "it has other keys"),
    );
    last().end();
    await clock.advance(0);
    assert.deepEqual(problems, ['plugin KeyManager "fake" is not used: it has other keys']);
    await clock.advance(60_000);
    assert.deepEqual(state.failures, []);
    assert.deepEqual([supervisor.restarts, supervisor.problem, problems.length], [1, undefined, 2]);
    await supervisor[Symbol.asyncDispose]();
  });

  it("says so when one has been away for five seconds", async () => {
    const { clock, last, problems, state, supervisor } = supervise();
    state.startMs = 7000;
    last().end();
    await clock.advance(0);
    await clock.advance(4999);
    assert.deepEqual(problems, []);
    await clock.advance(1);
    assert.deepEqual(problems, ['plugin KeyManager "fake" has been away for 5 s: killed by SIGKILL']);
    await clock.advance(4000);
    assert.deepEqual(problems.slice(1), [undefined]);
    await supervisor[Symbol.asyncDispose]();
  });

  it("starts none any more once it is to stop, and leaves the last to be ended in its turn", async () => {
    const { clock, events, last, stop, supervisor } = supervise();
    stop.abort();
    assert.equal(last().isRunning, true);
    last().end();
    await clock.advance(60_000);
    assert.deepEqual(events, ["up 1"]);
    await supervisor[Symbol.asyncDispose]();
    assert.equal(last().disposed, 1);
  });

  it("gives up a start, and a wait for one, when it is disposed of", async () => {
    for (const [startMs, ends] of [
      [7000, 1],
      [0, 4],
    ] as const) {
      const { clock, last, made, state, supervisor } = supervise();
      state.startMs = startMs;
      for (let end = 0; end < ends; end++) {
        last().end();
        await clock.advance(0);
      }
      await supervisor[Symbol.asyncDispose]();
      assert.equal(clock.sleeping, 0);
      assert.ok(made.every(({ isRunning }) => !isRunning));
    }
  });

  it("has one process at most, and comes back from whatever happens", async () => {
    const happening = fc.oneof(
      fc.record({ kind: fc.constant("time" as const), ms: fc.nat(90_000) }),
      fc.record({ kind: fc.constant("exit" as const), ms: fc.nat(3) }),
      fc.record({ kind: fc.constant("hang" as const), ms: fc.nat(3) }),
      fc.record({ kind: fc.constant("fault" as const), ms: fc.nat(3) }),
      fc.record({ kind: fc.constant("bad starts" as const), ms: fc.nat(3) }),
    );
    await fc.assert(
      fc.asyncProperty(fc.array(happening, { maxLength: 30 }), async (happenings) => {
        const { clock, last, made, problems, state, supervisor } = supervise();
        for (const { kind, ms } of happenings) {
          if (kind === "exit") last().end();
          else if (kind === "fault") supervisor.replace("fault");
          else if (kind === "bad starts")
            state.failures = Array(ms).fill(new StatusError(Code.Internal, "X", "no start"));
          else if (kind === "hang") {
            const { hung } = state;
            state.hung = Promise.withResolvers();
            hung.resolve("silence");
          }
          await clock.advance(kind === "time" ? ms : 0);
          const running = made.filter(({ isRunning }) => isRunning);
          assert.ok(running.length <= 1);
          assert.equal(supervisor.pid, running[0]?.pid);
          // Each change of the problem is told, once.
          assert.equal(problems.at(-1), supervisor.problem);
          for (const [index, problem] of problems.entries())
            assert.notEqual(problem, problems[index + 1] ?? "");
        }
        state.failures = [];
        await clock.advance(40_000);
        assert.equal(last().isRunning, true);
        assert.equal(supervisor.problem, undefined);
        await supervisor[Symbol.asyncDispose]();
        assert.ok(made.every(({ isRunning }) => !isRunning));
        assert.equal(clock.sleeping, 0);
      }),
      { numRuns: 40 },
    );
  });
});
