import assert from "node:assert/strict";
import { describe, it } from "node:test";
import fc from "fast-check";
import { parseDurationMs } from "./duration.ts";
import { nearest } from "./nearest.ts";

describe("parseDurationMs()", () => {
  it("reads durations as Go does", () => {
    const cases: [string, number | undefined][] = [
      ["0", 0],
      ["+0", 0],
      ["-0", 0],
      ["5s", 5000],
      ["+5s", 5000],
      ["-5s", -5000],
      ["1h30m", 5_400_000],
      ["1.5h", 5_400_000],
      [".5s", 500],
      ["1.s", 1000],
      ["-1.5s", -1500],
      ["1m5ms", 60_005],
      ["5s1h", 3_605_000],
      ["100ns", 0.0001],
      ["1us", 0.001],
      ["1µs", 0.001],
      ["1μs", 0.001],
      ["2562047h", 2562047 * 3_600_000],
      ["2562048h", undefined],
      ["", undefined],
      ["5", undefined],
      ["s", undefined],
      [".s", undefined],
      ["1d", undefined],
      ["1H", undefined],
      ["1 h", undefined],
      [" 1h", undefined],
      ["1h ", undefined],
      ["1h\n", undefined],
      ["--1h", undefined],
      ["1h-1m", undefined],
      ["1e3s", undefined],
      ["0x1s", undefined],
      ["1,5s", undefined],
      ["0.0", undefined],
    ];
    for (const [text, ms] of cases) assert.equal(parseDurationMs(text), ms, text);
  });

  it("adds its parts up", () => {
    const parts = fc.tuple(fc.nat(1000), fc.nat(59), fc.nat(59), fc.nat(999));
    fc.assert(
      fc.property(parts, ([h, m, s, ms]) => {
        const total = ((h * 60 + m) * 60 + s) * 1000 + ms;
        assert.equal(parseDurationMs(`${h}h${m}m${s}s${ms}ms`), total);
      }),
    );
  });

  it("comes to an end with any text", () => {
    fc.assert(
      fc.property(fc.string({ unit: fc.constantFrom(..."0123.hmsnuµ+-"), maxLength: 200 }), (text) => {
        const ms = parseDurationMs(text);
        assert.ok(ms === undefined || Number.isFinite(ms));
      }),
    );
    assert.equal(parseDurationMs("1".repeat(100_000)), undefined);
  });

  it("takes a duration of a million parts, and refuses one", () => {
    assert.equal(parseDurationMs("1ms".repeat(1_000_000)), 1_000_000);
    assert.equal(parseDurationMs(`${"1ms".repeat(1_000_000)}x`), undefined);
  });
});

describe("nearest()", () => {
  it("finds what was probably meant, and nothing far-fetched", () => {
    const known = ["trust_domain", "ca_ttl", "log_level", "port"];
    const cases: [string, string | undefined][] = [
      ["trust_domian", "trust_domain"],
      ["trustdomain", "trust_domain"],
      ["TRUST_DOMAIN", "trust_domain"],
      ["ca_tll", "ca_ttl"],
      ["prot", "port"],
      ["log", undefined],
      ["x", undefined],
      ["", undefined],
      ["completely_else", undefined],
    ];
    for (const [word, meant] of cases) assert.equal(nearest(word, known), meant, word);
    assert.equal(nearest("a", []), undefined);
  });
});
