import assert from "node:assert/strict";
import { describe, it } from "node:test";
import fc from "fast-check";
import { hclogLogger } from "./hclog.ts";
import type { Logger } from "./logger.ts";

function lines(log: (logger: Logger) => void): Record<string, unknown>[] {
  const written: string[] = [];
  log(
    hclogLogger(
      (line) => written.push(line),
      () => new Date("2026-01-01T00:00:00.120Z"),
      { plugin: "x" },
    ),
  );
  return written.map((line) => {
    assert.match(line, /^[^\n]+\n$/);
    assert.ok(Buffer.byteLength(line) <= 65_536);
    return JSON.parse(line);
  });
}

describe("hclogLogger()", () => {
  it("writes what a Go host reads: three strings, and fields", () => {
    assert.deepEqual(
      lines((logger) => logger.with({ a: 1 }).warn("it\nhappened", { b: [true] })),
      [
        {
          "@level": "warn",
          "@message": "it\nhappened",
          "@timestamp": "2026-01-01T00:00:00.120000Z",
          plugin: "x",
          a: 1,
          b: [true],
        },
      ],
    );
  });

  it("has hclog's levels", () => {
    const levels = ["trace", "debug", "info", "warn", "error"] as const;
    const written = lines((logger) => {
      for (const level of levels) logger[level]("x");
    });
    assert.deepEqual(
      written.map((line) => line["@level"]),
      levels,
    );
  });

  it("gives exactly six digits of a second, whatever the time", () => {
    const dates = fc.date({ min: new Date(0), max: new Date("9999-12-31"), noInvalidDate: true });
    fc.assert(
      fc.property(dates, (date) => {
        let written = "";
        hclogLogger(
          (line) => {
            written = line;
          },
          () => date,
        ).info("x");
        assert.match(JSON.parse(written)["@timestamp"], /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z$/);
      }),
    );
  });

  it("says errors and big numbers, and lets no field stand in for its own", () => {
    const [line] = lines((logger) =>
      logger.info("x", { error: new Error("no"), n: 2n ** 64n, "@level": 5, "@message": {}, u: undefined }),
    );
    assert.deepEqual(line, {
      "@level": "info",
      "@message": "x",
      "@timestamp": "2026-01-01T00:00:00.120000Z",
      plugin: "x",
      error: "no",
      n: "18446744073709551616",
    });
  });

  it("survives fields that JSON cannot say", () => {
    const circle: Record<string, unknown> = {};
    circle.self = circle;
    const [line] = lines((logger) =>
      logger.info("x", {
        circle,
        nested: { n: 1n },
        throwing: {
          toJSON() {
            throw new Error("no");
          },
        },
        fine: null,
      }),
    );
    assert.deepEqual(
      [line?.circle, line?.nested, line?.throwing, line?.fine],
      ["[object Object]", "[object Object]", "[object Object]", null],
    );
  });

  it("keeps a line within the 64 KiB that a host reads", () => {
    const [first, second] = lines((logger) => {
      logger.info("\u0001".repeat(100_000));
      logger.info("short", { long: "x".repeat(100_000) });
    });
    assert.deepEqual([first?.truncated, second?.truncated, second?.["@message"]], [true, true, "short"]);
    assert.equal(String(first?.["@message"]).length, 8192);
  });

  it("writes one readable line for any message and fields", () => {
    fc.assert(
      fc.property(
        fc.string({ unit: "binary" }),
        fc.dictionary(fc.string(), fc.anything({ withBigInt: true })),
        (message, fields) => {
          const [line] = lines((logger) => logger.info(message, fields));
          assert.equal(line?.["@level"], "info");
          assert.equal(typeof line?.["@message"], "string");
        },
      ),
    );
  });
});
