import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { formatDuration } from "./go-duration.ts";
import { formatLocal, formatRfc3339, formatUtc } from "./go-time.ts";

describe("formatDuration()", () => {
  for (const [ms, text] of [
    [0, "0s"],
    [0.000_001, "1ns"],
    [0.0015, "1.5µs"],
    [2.04994, "2.04994ms"],
    [1500, "1.5s"],
    [90_000, "1m30s"],
    [3_600_000, "1h0m0s"],
    [720 * 3_600_000, "720h0m0s"],
    [-1500, "-1.5s"],
  ] as const)
    it(`prints ${ms} ms as ${text}`, () => {
      assert.equal(formatDuration(ms), text);
    });
});

describe("formatUtc()", () => {
  it("prints as Go does", () => {
    assert.equal(formatUtc(new Date("2026-01-31T13:45:00.9Z")), "2026-01-31 13:45:00 +0000 UTC");
  });
});

describe("formatLocal()", () => {
  it("ends with the offset and the zone's name", () => {
    const instant = new Date("2026-01-31T13:45:00Z");
    const zone = process.env.TZ;
    const texts = ["UTC", "Europe/Berlin", "America/New_York", "Asia/Kolkata"].map((name) => {
      process.env.TZ = name;
      return formatLocal(instant);
    });
    if (zone === undefined) delete process.env.TZ;
    else process.env.TZ = zone;
    assert.deepEqual(texts.slice(0, 3), [
      "2026-01-31 13:45:00 +0000 UTC",
      "2026-01-31 14:45:00 +0100 CET",
      "2026-01-31 08:45:00 -0500 EST",
    ]);
    assert.match(texts[3] ?? "", /^2026-01-31 19:15:00 \+0530 /);
  });
});

describe("formatRfc3339()", () => {
  it("leaves fractions out", () => {
    assert.equal(formatRfc3339(new Date("2026-01-31T13:45:00.9Z")), "2026-01-31T13:45:00Z");
  });
});
