import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { fromTimeColumn, secondsToTimeColumn, toSeconds, toTimeColumn } from "./time-column.ts";

describe("toTimeColumn()", () => {
  it("writes UTC as Go's driver does, without trailing zeros", () => {
    for (const [iso, text] of [
      ["2026-11-24T13:22:45.808Z", "2026-11-24 13:22:45.808+00:00"],
      ["2026-11-24T13:22:45.810Z", "2026-11-24 13:22:45.81+00:00"],
      ["2026-11-24T13:22:45.000Z", "2026-11-24 13:22:45+00:00"],
    ] as const)
      assert.equal(toTimeColumn(new Date(iso)), text);
  });
});

describe("fromTimeColumn()", () => {
  const instant = "2026-11-24T13:22:45.808Z";

  it("reads what Go's driver writes, in any time zone, to the millisecond", () => {
    for (const text of [
      "2026-11-24 13:22:45.808154035+00:00",
      "2026-11-24 13:22:45.808+00:00",
      "2026-11-24 10:22:45.808-03:00",
      "2026-11-24 18:52:45.808+05:30",
      "2026-11-24T13:22:45.808Z",
      "2026-11-24 13:22:45.808",
    ])
      assert.equal(fromTimeColumn(text)?.toISOString(), instant, text);
    assert.equal(fromTimeColumn("2026-11-24 13:22+00:00")?.toISOString(), "2026-11-24T13:22:00.000Z");
    assert.equal(fromTimeColumn("0001-01-01 00:00:00+00:00")?.toISOString(), "0001-01-01T00:00:00.000Z");
  });

  it("reads numbers as Go's driver does: seconds, or milliseconds when they are large", () => {
    assert.equal(fromTimeColumn(1_000)?.getTime(), 1_000_000);
    assert.equal(fromTimeColumn(Date.parse(instant))?.toISOString(), instant);
  });

  it("gives nothing for NULL and for what is no time", () => {
    for (const value of [null, undefined, "", "soon", "2026-13-24 13:22:45+00:00", Buffer.of(1)])
      assert.equal(fromTimeColumn(value), undefined);
  });
});

describe("secondsToTimeColumn() and toSeconds()", () => {
  it("take 0 for NULL", () => {
    assert.equal(secondsToTimeColumn(0), null);
    assert.equal(toSeconds(fromTimeColumn(null)), 0);
    for (const seconds of [1, 1_000, 2_000_000_000])
      assert.equal(toSeconds(fromTimeColumn(secondsToTimeColumn(seconds))), seconds);
  });
});
