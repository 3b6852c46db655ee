import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { Code, StatusError } from "@finial/sdk";
import { captureLog } from "@finial/sdk/testing";
import { failure, itemFailure, passedOn } from "./failure.ts";

const why = new StatusError(Code.Unavailable, "AWAY", "the database is away", {
  details: [{ typeUrl: "t", value: Buffer.from("x") }],
});

describe("failure()", () => {
  it("says what failed, then why, and keeps the details", () => {
    const { code, reason, message, details } = failure(Code.Internal, "R", "failed to list entries", why);
    assert.deepEqual(
      [code, reason, message, details],
      [Code.Internal, "R", "failed to list entries: the database is away", why.details],
    );
  });

  it("keeps why to itself for NotFound", () => {
    assert.equal(failure(Code.NotFound, "R", "entry not found", why).message, "entry not found");
  });
});

describe("passedOn()", () => {
  it("keeps a status and calls a stranger's error Internal", () => {
    assert.deepEqual([passedOn(why), passedOn(new Error("x"))], [Code.Unavailable, Code.Internal]);
  });
});

describe("itemFailure()", () => {
  const cases: readonly [error: StatusError, log: string, message: string][] = [
    [
      failure(Code.InvalidArgument, "R", "missing entry ID"),
      "Invalid argument: missing entry ID",
      "missing entry ID",
    ],
    [
      failure(Code.InvalidArgument, "R", "failed to convert entry", why),
      "Invalid argument: failed to convert entry",
      "failed to convert entry: the database is away",
    ],
    [failure(Code.NotFound, "R", "entry not found"), "Entry not found", "entry not found"],
    [
      failure(Code.Internal, "R", "failed to delete entry", why),
      "Failed to delete entry",
      "failed to delete entry: the database is away",
    ],
  ];
  for (const [error, log, message] of cases) {
    it(`logs "${log}"`, () => {
      const logger = captureLog();
      assert.deepEqual(itemFailure(logger, error, { entry_id: "1" }), { code: error.code, message });
      const fields = error.cause === undefined ? { entry_id: "1" } : { entry_id: "1", error: why };
      assert.deepEqual(logger.lines, [{ level: "error", message: log, fields }]);
    });
  }
});
