import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { Code, StatusError } from "@finial/sdk";
import { captureLog } from "@finial/sdk/testing";
import { Redaction } from "./redaction.ts";

function redactionOf(...secrets: readonly string[]): Redaction {
  const redaction = new Redaction();
  redaction.add(secrets);
  return redaction;
}

describe("Redaction.redact()", () => {
  it("takes out what is secret, wherever it stands and however often", () => {
    const redaction = redactionOf("canary-1", "canary");
    assert.equal(redaction.redact("canary-1canary, canary-1!"), "[secret][secret], [secret]!");
    assert.equal(new Redaction().redact("canary"), "canary");
    assert.equal(redactionOf("$&xy").redact("a$&xyb"), "a[secret]b");
  });

  it("knows a secret as JSON and HCL write it, and by its longer lines", () => {
    const key = '-----BEGIN KEY-----\nMIGHAgEAMBMGByqGSM49\nshort\n"x"\n-----END KEY-----';
    const redaction = redactionOf(key);
    assert.equal(redaction.redact(`{"key":${JSON.stringify(key)}}`), '{"key":"[secret]"}');
    assert.equal(redaction.redact(`<${key}>`), "<[secret]>");
    assert.equal(redaction.redact("line MIGHAgEAMBMGByqGSM49, short"), "line [secret], short");
  });

  it("knows all of them, though one has many lines", () => {
    const lines = Array.from({ length: 1000 }, (_, line) => `line ${line} of a long secret`);
    const redaction = redactionOf("a-password", lines.join("\n"));
    assert.equal(redaction.redact(`a-password, ${lines[0]}, ${lines[999]}`), "[secret], [secret], [secret]");
  });

  it("leaves words alone that are too short to be secrets", () => {
    assert.equal(redactionOf("abc", "1").redact("abc 123"), "abc 123");
  });

  it("remembers the secret before, and not all of them for ever", () => {
    const redaction = redactionOf("first-secret");
    redaction.add(["second-secret"]);
    assert.equal(redaction.redact("first-secret second-secret"), "[secret] [secret]");
    for (let round = 0; round < 300; round++) redaction.add([`secret-of-round-${round}`]);
    assert.equal(redaction.redact("first-secret"), "first-secret");
    assert.equal(redaction.redact("secret-of-round-299 secret-of-round-100"), "[secret] [secret]");
  });
});

describe("Redaction.logger()", () => {
  it("takes secrets out of messages and of fields, however deep", () => {
    const log = captureLog();
    const redaction = redactionOf("canary");
    const logger = redaction.logger(log).with({ plugin_name: "x" });
    logger.info("got canary", { canary: ["a canary", { deep: "canary", n: 1, no: null }], at: new Date(0) });
    logger.debug("lazy canary", () => ({ value: "canary" }));
    logger.error("plain");
    assert.deepEqual(
      log.lines.map(({ level, message, fields }) => [level, message, fields]),
      [
        [
          "info",
          "got [secret]",
          {
            plugin_name: "x",
            "[secret]": ["a [secret]", { deep: "[secret]", n: 1, no: null }],
            at: new Date(0),
          },
        ],
        ["debug", "lazy [secret]", { plugin_name: "x", value: "[secret]" }],
        ["error", "plain", { plugin_name: "x" }],
      ],
    );
  });

  it("knows secrets that are added after it was made", () => {
    const log = captureLog();
    const redaction = new Redaction();
    const logger = redaction.logger(log);
    for (const level of ["trace", "debug", "info", "warn", "error"] as const)
      logger[level]("canary", { a: "canary" });
    redaction.add(["canary"]);
    for (const level of ["trace", "debug", "info", "warn", "error"] as const)
      logger[level]("canary", { a: "canary" });
    assert.deepEqual(
      log.lines.map(({ message, fields }) => [message, fields.a]),
      [...Array(5).fill(["canary", "canary"]), ...Array(5).fill(["[secret]", "[secret]"])],
    );
  });
});

describe("Redaction.error()", () => {
  it("takes secrets out of the message, and then keeps nothing that has them, too", () => {
    const redaction = redactionOf("canary");
    const cause = new Error("canary");
    const error = redaction.error(
      new StatusError(Code.InvalidArgument, "CONFIG", 'bad value "canary"', { source: "downstream", cause }),
    );
    assert.deepEqual(
      [error.code, error.reason, error.message, error.source, error.cause],
      [3, "CONFIG", 'bad value "[secret]"', "downstream", undefined],
    );
    const harmless = new StatusError(Code.Internal, "X", "no secret");
    assert.equal(redaction.error(harmless), harmless);
    assert.equal(redaction.error(new Error("canary")).message, "[secret]");
  });
});

describe("Redaction.failure()", () => {
  it("is the very same, or an error without the secret", () => {
    const redaction = redactionOf("canary");
    for (const thrown of [
      new DOMException("over", "AbortError"),
      new StatusError(Code.Internal, "X", "x"),
      7,
    ])
      assert.equal(redaction.failure(thrown), thrown);
    const { code, reason, message } = redaction.failure(
      new StatusError(Code.Unavailable, "DATABASE", "postgres://u:canary@db"),
    ) as StatusError;
    assert.deepEqual([code, reason, message], [14, "DATABASE", "postgres://u:[secret]@db"]);
  });
});
