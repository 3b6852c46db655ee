import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { describe, it } from "node:test";
import { definePlugin } from "@finial/sdk";
import { openChannel } from "@finial/sdk/internal";
import { KeyManager } from "@finial/sdk/server";
import { FakeClock, loadPlugin } from "@finial/sdk/testing";
import { credentials } from "@grpc/grpc-js";
import { ProcessorUse } from "./processor-use.ts";
import { askForHealth, untilSilent } from "./pulse.ts";

const limits = { pulseEveryMs: 1000, pulseMs: 1000, missedPulses: 2, busyMs: 30_000 };

function watch({ busy = false } = {}) {
  const clock = new FakeClock();
  const state = { answers: true, fails: false, busy, asked: 0 };
  const stop = new AbortController();
  let said: string | undefined;
  const silent = untilSilent(
    {
      ask: async (signal) => {
        state.asked++;
        if (state.fails) throw new Error("connection refused");
        if (!state.answers)
          await new Promise((_, reject) => signal.addEventListener("abort", () => reject(signal.reason)));
      },
      isBusy: () => state.busy,
      limits,
      clock,
    },
    stop.signal,
  ).then((sentence) => {
    said = sentence;
  });
  return { clock, state, stop, silent, said: () => said };
}

describe("untilSilent()", () => {
  it("asks every second, for as long as there is an answer", async () => {
    const { clock, said, silent, state, stop } = watch();
    await clock.advance(60_000);
    assert.deepEqual([state.asked, said()], [60, undefined]);
    const ended = assert.rejects(silent, { name: "AbortError" });
    stop.abort();
    await ended;
    assert.equal(clock.sleeping, 0);
  });

  it("finds out within three seconds that one hangs which does nothing", async () => {
    const { clock, said, state } = watch();
    await clock.advance(10_000);
    state.answers = false;
    await clock.advance(2999);
    assert.equal(said(), undefined);
    await clock.advance(1);
    assert.equal(said(), "it has not answered for 3.0 s");
  });

  it("does the same for one whose connection is closed", async () => {
    const { clock, said, state } = watch();
    state.fails = true;
    await clock.advance(3000);
    assert.match(said() ?? "", /^it has not answered for [23]\.0 s$/);
    assert.equal(state.asked, 2);
  });

  it("gives one that is at work thirty seconds, and forgets it when it answers", async () => {
    const { clock, said, state } = watch({ busy: true });
    state.answers = false;
    await clock.advance(28_500);
    state.answers = true;
    await clock.advance(3000);
    state.answers = false;
    await clock.advance(28_500);
    assert.equal(said(), undefined);
    await clock.advance(3000);
    assert.match(said() ?? "", /^it has not answered for 3[01]\.0 s$/);
  });

  it("does not take one answer that is missed for a sign", async () => {
    const { clock, said, state } = watch();
    for (let round = 0; round < 5; round++) {
      state.answers = false;
      await clock.advance(1500);
      state.answers = true;
      await clock.advance(2500);
    }
    assert.equal(said(), undefined);
  });
});

describe("askForHealth()", () => {
  it("takes any answer of a plugin for one, and none for none", async () => {
    const plugin = await loadPlugin(
      definePlugin({ type: KeyManager, name: "fake", open: () => ({ service: {} }) }),
    );
    const target = plugin.channel.grpc.getChannel().getTarget();
    using channel = openChannel(target, credentials.createInsecure());
    const ask = askForHealth(channel);
    const { signal } = new AbortController();
    await ask(signal);
    await plugin[Symbol.asyncDispose]();
    await assert.rejects(ask(signal));
  });
});

describe("ProcessorUse", () => {
  async function start(script: string) {
    const child = spawn(process.execPath, ["-e", `console.log("up"); ${script}`], {
      stdio: ["ignore", "pipe", "ignore"],
    });
    await once(child.stdout, "data");
    const use = new ProcessorUse(child.pid ?? 0, () => performance.now());
    return {
      use,
      pid: child.pid ?? 0,
      [Symbol.asyncDispose]: async () => {
        child.kill("SIGKILL");
        await once(child, "exit");
      },
    };
  }
  const wait = (): Promise<void> => new Promise((resolve) => setTimeout(resolve, 300));

  it("sees one at work", async () => {
    await using at = await start("for (;;);");
    await wait();
    assert.equal(at.use.isBusy(), true);
  });

  it("sees that one does nothing, was stopped, or is gone", async () => {
    const at = await start("setInterval(() => {}, 1000)");
    await wait();
    at.use.isBusy();
    await wait();
    assert.deepEqual([at.use.isBusy(), at.use.isStopped], [false, false]);
    process.kill(at.pid, "SIGSTOP");
    await wait();
    assert.deepEqual([at.use.isBusy(), at.use.isStopped], [false, true]);
    await at[Symbol.asyncDispose]();
    assert.equal(at.use.isBusy(), false);
  });
});
