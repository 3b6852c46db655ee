import assert from "node:assert/strict";
import { describe, it } from "node:test";
import fc from "fast-check";
import { Code, codeName, toCode } from "./code.ts";
import { StatusError } from "./status-error.ts";

describe("Code", () => {
  it("has gRPC's names and numbers", () => {
    assert.deepEqual(
      Object.values(Code),
      Array.from({ length: 17 }, (_, number) => number),
    );
    assert.equal(codeName(Code.NotFound), "NotFound");
    assert.deepEqual([toCode(5), toCode(16)], [Code.NotFound, Code.Unauthenticated]);
    for (const number of [17, -1, 1.5, Number.NaN]) assert.equal(toCode(number), Code.Unknown);
  });
});

describe("StatusError", () => {
  it("says code, reason and message", () => {
    const error = new StatusError(Code.NotFound, "KEY_NOT_FOUND", "no such key");
    assert.ok(error instanceof Error);
    const { code, reason, message, name, source, details, cause } = error;
    assert.deepEqual(
      { code, reason, message, name, source, details, cause },
      {
        code: 5,
        reason: "KEY_NOT_FOUND",
        message: "no such key",
        name: "StatusError",
        source: "plugin",
        details: [],
        cause: undefined,
      },
    );
    assert.ok(!("cause" in error));
  });

  it("takes words before its message, once", () => {
    const details = [{ typeUrl: "type.googleapis.com/x", value: Buffer.of(1) }];
    const error = new StatusError(Code.Internal, "X", "went wrong", { source: "downstream", details });
    const prefixed = error.prefixed("keymanager(disk): ");
    assert.equal(prefixed.message, "keymanager(disk): went wrong");
    assert.deepEqual([prefixed.code, prefixed.reason, prefixed.source], [Code.Internal, "X", "downstream"]);
    assert.deepEqual(prefixed.details, details);
    assert.equal(prefixed.cause, error);
    assert.equal(prefixed.prefixed("keymanager(disk): "), prefixed);
  });
});

describe("StatusError.from()", () => {
  it("keeps a StatusError as it is", () => {
    const error = new StatusError(Code.Aborted, "X", "x");
    assert.equal(StatusError.from(error), error);
  });

  it("knows aborts and timeouts", async () => {
    const aborted = StatusError.from(AbortSignal.abort().reason);
    assert.deepEqual([aborted.code, aborted.reason, aborted.message], [1, "CANCELLED", "context canceled"]);
    const signal = AbortSignal.timeout(1);
    await new Promise((resolve) => signal.addEventListener("abort", resolve));
    const late = StatusError.from(signal.reason);
    assert.deepEqual(
      [late.code, late.reason, late.message],
      [4, "DEADLINE_EXCEEDED", "context deadline exceeded"],
    );
  });

  it("makes of anything else Unknown, with its words", () => {
    const cases: [unknown, string][] = [
      [new RangeError("too far"), "too far"],
      ["words", "words"],
      [undefined, "undefined"],
      [null, "null"],
      [7n, "7"],
      [Symbol("s"), "Symbol(s)"],
      [Object.create(null), "[object Object]"],
      [
        {
          toString() {
            throw new Error("no words");
          },
        },
        "[object Object]",
      ],
    ];
    for (const [thrown, message] of cases) {
      const error = StatusError.from(thrown);
      assert.deepEqual([error.code, error.reason, error.message], [Code.Unknown, "UNKNOWN", message]);
      assert.equal(error.cause, thrown);
    }
    fc.assert(
      fc.property(
        fc.anything({ withNullPrototype: true, withSparseArray: true, withBigInt: true }),
        (thrown) => {
          assert.ok(StatusError.from(thrown) instanceof StatusError);
        },
      ),
    );
  });
});
