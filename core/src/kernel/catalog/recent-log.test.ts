import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { captureLog, FakeClock } from "@finial/sdk/testing";
import { type RecentLine, RecentLog } from "./recent-log.ts";

describe("RecentLog", () => {
  it("keeps what is written to another logger, with the fields of both", async () => {
    const clock = new FakeClock();
    const log = captureLog();
    const recent = new RecentLog(clock);
    const logger = recent.logger(log).with({ plugin_name: "disk" });
    logger.debug("Loaded", () => ({ keys: 2, none: undefined }));
    await clock.advance(1000);
    logger.error("Lost", { error: new Error("gone"), list: [true] });
    assert.deepEqual(
      recent.last().map(({ at, ...line }) => ({ ...line, at: at.getTime() - clock.now().getTime() })),
      [
        { at: -1000, level: "debug", message: "Loaded", fields: { plugin_name: "disk", keys: "2" } },
        {
          at: 0,
          level: "error",
          message: "Lost",
          fields: { plugin_name: "disk", error: "gone", list: "[true]" },
        },
      ],
    );
    assert.deepEqual(
      log.lines.map(({ message }) => message),
      ["Loaded", "Lost"],
    );
    assert.deepEqual(log.lines[0]?.fields, { plugin_name: "disk", keys: 2, none: undefined });
  });

  it("keeps the last 500, and of each no more than a few thousand characters", () => {
    const recent = new RecentLog(new FakeClock());
    const logger = recent.logger(captureLog());
    for (let line = 0; line < 700; line++) logger.info(`line ${line}`);
    assert.deepEqual(
      [recent.last().length, recent.last()[0]?.message, recent.last(2).map(({ message }) => message)],
      [500, "line 200", ["line 698", "line 699"]],
    );
    assert.deepEqual(recent.last(0), []);
    const circle: Record<string, unknown> = {};
    circle.self = circle;
    logger.info("x".repeat(10_000), { circle });
    const [line] = recent.last(1);
    assert.deepEqual([line?.message.length, line?.fields], [4097, { circle: "[object Object]" }]);
  });

  it("gives who follows what comes, until it leaves", async () => {
    const recent = new RecentLog(new FakeClock());
    const logger = recent.logger(captureLog());
    logger.info("before");
    const leave = new AbortController();
    const seen: RecentLine[] = [];
    const following = (async () => {
      for await (const line of recent.follow(leave.signal)) {
        seen.push(line);
        if (seen.length === 2) leave.abort();
      }
    })();
    await new Promise(setImmediate);
    logger.info("one");
    logger.info("two");
    await following;
    logger.info("three");
    assert.deepEqual(
      seen.map(({ message }) => message),
      ["one", "two"],
    );
  });

  it("leaves a follower that falls far behind", async () => {
    const recent = new RecentLog(new FakeClock());
    const logger = recent.logger(captureLog());
    const following = recent.follow(new AbortController().signal);
    const first = following.next();
    logger.info("one");
    assert.equal((await first).value?.message, "one");
    for (let line = 0; line < 10_001; line++) logger.info("more");
    assert.deepEqual(await following.next(), { done: true, value: undefined });
  });
});
