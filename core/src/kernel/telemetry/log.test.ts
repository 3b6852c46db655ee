import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { Code, StatusError } from "@finial/sdk";
import { createLogger, findLogLevel, type LogFormat, LogThreshold } from "./log.ts";

const now = (): Date => new Date("2026-03-04T05:06:07.890Z");

function makeLog(format: LogFormat, threshold: LogThreshold = new LogThreshold("info")) {
  const lines: string[] = [];
  const logger = createLogger({ format, threshold, now, write: (line) => lines.push(line) });
  return { lines, logger };
}

describe("createLogger()", () => {
  it("prints logrus text, fields in order, quoted unless plain", () => {
    const { lines, logger } = makeLog("text");
    logger.with({ subsystem_name: "api" }).warn("It is late", { b: 'a "quote"', a: 1, absent: undefined });
    assert.deepEqual(lines, [
      'time="2026-03-04T05:06:07Z" level=warning msg="It is late" a=1 b="a \\"quote\\"" subsystem_name=api\n',
    ]);
  });

  it("prints JSON whose own fields cannot be taken over", () => {
    const { lines, logger } = makeLog("json");
    logger.error("Lost", { level: "info", msg: "fine", time: "never", spiffe_id: "spiffe://example.org/a" });
    assert.deepEqual(JSON.parse(lines.join("")), {
      level: "error",
      msg: "Lost",
      time: "2026-03-04T05:06:07Z",
      spiffe_id: "spiffe://example.org/a",
      "fields.level": "info",
      "fields.msg": "fine",
      "fields.time": "never",
    });
  });

  it("keeps a value on its line", () => {
    const { lines, logger } = makeLog("text");
    logger.info("Got", { value: 'x\ntime="2026" level=error msg=forged' });
    assert.equal(lines.join("").split("\n").length, 2);
  });

  it("keeps a key on its line, too: plugins choose theirs", () => {
    const { lines, logger } = makeLog("text");
    logger.info("Got", { 'x\ntime="2026" level=error msg=forged': 1, "a b": 2, "a=b c": 3 });
    assert.deepEqual(lines, [
      'time="2026-03-04T05:06:07Z" level=info msg=Got "a b"=2 "a=b c"=3 "x\\ntime=\\"2026\\" level=error msg=forged"=1\n',
    ]);
  });

  it("shows what a terminal would obey", () => {
    const { lines, logger } = makeLog("text");
    logger.info("\u001b[2J", { a: "\u009b31m", b: "\u202egnp.exe" });
    assert.deepEqual(lines, [
      'time="2026-03-04T05:06:07Z" level=info msg="\\u001b[2J" a="\\u009b31m" b="\\u202egnp.exe"\n',
    ]);
  });

  it("outlives a field that JSON cannot say", () => {
    const deep: unknown = JSON.parse("[".repeat(30_000) + "]".repeat(30_000));
    const circle: Record<string, unknown> = {};
    circle.self = circle;
    for (const format of ["text", "json"] as const) {
      const { lines, logger } = makeLog(format);
      logger.info("Got", {
        deep,
        circle,
        big: 7n,
        inside: { big: 7n, error: new Error("no") },
        f: Symbol("s"),
      });
      assert.equal(lines.length, 1);
      assert.match(lines.join(""), /\[object Array\].*\n$/);
      assert.match(lines.join(""), /\[object Object\]/);
      assert.match(lines.join(""), /Symbol\(s\)/);
    }
    const { lines, logger } = makeLog("json");
    logger.info("Got", { big: 7n, inside: { big: 7n, error: new Error("no") } });
    const { big, inside } = JSON.parse(lines.join(""));
    assert.deepEqual([big, inside], ["7", { big: "7", error: "no" }]);
  });

  it("says of an error its sentence, and nothing else it holds", () => {
    const error = new StatusError(Code.NotFound, "NOT_FOUND", "entry not found", {
      cause: new Error("a secret"),
    });
    const text = makeLog("text");
    text.logger.error("Failed", { error });
    assert.deepEqual(text.lines, [
      'time="2026-03-04T05:06:07Z" level=error msg=Failed error="entry not found"\n',
    ]);
    const json = makeLog("json");
    json.logger.error("Failed", { error });
    assert.equal(JSON.parse(json.lines.join("")).error, "entry not found");
  });

  it("leaves out what is below the threshold, also when that changes later", () => {
    const threshold = new LogThreshold("info");
    const { lines, logger } = makeLog("text", threshold);
    const child = logger.with({ a: 1 });
    child.debug("before");
    threshold.level = "debug";
    child.debug("after");
    assert.deepEqual(lines, ['time="2026-03-04T05:06:07Z" level=debug msg=after a=1\n']);
    assert.equal(threshold.launchLevel, "info");
  });
});

describe("findLogLevel()", () => {
  const cases = [
    ["DEBUG", "debug"],
    ["Warning", "warn"],
    ["warn", "warn"],
    ["panic", "error"],
    ["fatal", "error"],
    ["trace", "trace"],
    ["loud", undefined],
  ] as const;
  for (const [name, level] of cases)
    it(`reads ${name} as ${level ?? "nothing"}`, () => assert.equal(findLogLevel(name), level));
});
