import assert from "node:assert/strict";
import { describe, it } from "node:test";
import type { LogLevel } from "@finial/sdk";
import { captureLog } from "@finial/sdk/testing";
import fc from "fast-check";
import { maxLineLength } from "./lines.ts";
import { PluginLog } from "./plugin-log.ts";

const host = { plugin_name: "km", plugin_type: "KeyManager", external: true, subsystem_name: "km.km" };

function logOf(text: string, pieces: readonly string[] = [text]) {
  const logger = captureLog();
  const log = new PluginLog(logger.with(host));
  for (const piece of pieces) log.write(piece);
  log.end();
  return logger.lines;
}

/** What becomes of one line; the fields without the host's own. */
function entryOf(line: string): readonly [LogLevel, string, Readonly<Record<string, unknown>>] {
  const lines = logOf(`${line}\n`);
  assert.equal(lines.length, 1);
  const { level, message, fields } = lines[0] as (typeof lines)[number];
  return [level, message, Object.fromEntries(Object.entries(fields).filter(([name]) => !(name in host)))];
}

const now = "2026-09-01T12:00:00.123456Z";

describe("PluginLog", () => {
  const hclog: readonly [what: string, entry: object, ReturnType<typeof entryOf>][] = [
    [
      "level, message and fields",
      { "@level": "info", "@message": "ready", "@timestamp": now, "@module": "km", address: "/s", n: 1 },
      ["info", "ready", { "@module": "km", address: "/s", n: 1, timestamp: now }],
    ],
    ["any level", { "@level": "trace", "@message": "m" }, ["trace", "m", {}]],
    ["a level in capitals and white space", { "@level": " WARN ", "@message": "m" }, ["warn", "m", {}]],
    [
      "an error",
      { "@level": "error", "@message": "m", error: { code: 1 } },
      ["error", "m", { error: { code: 1 } }],
    ],
  ];
  for (const [what, entry, expected] of hclog)
    it(`reads hclog's JSON: ${what}`, () => {
      assert.deepEqual(entryOf(JSON.stringify(entry)), expected);
    });

  const plain: readonly [what: string, line: string, level: LogLevel][] = [
    ["plain text", "listening", "debug"],
    ["no level", '{"@message":"m"}', "debug"],
    ["an unknown level", '{"@level":"fatal","@message":"m"}', "debug"],
    ["a level of another type", '{"@level":1,"@message":"m"}', "debug"],
    ["a message of another type", '{"@level":"info","@message":{}}', "debug"],
    ["an array", '[{"@level":"info","@message":"m"}]', "debug"],
    ["broken JSON", '{"@level":"info"', "debug"],
    ["a level in front", "[WARN] late", "warn"],
    ["an error in front", "[ERROR] broken", "error"],
    ["trace in front", "[TRACE] x", "trace"],
    ["a level within", "x [ERROR]", "debug"],
  ];
  for (const [what, line, level] of plain)
    it(`takes for what it is: ${what}`, () => {
      assert.deepEqual(entryOf(line), [level, line, {}]);
    });

  it("takes all that follows a panic for an error", () => {
    for (const first of ["panic: nil map", "fatal error: all goroutines are asleep"])
      assert.deepEqual(
        logOf(`before\n${first}\n\ngoroutine 1 [running]:\n[DEBUG] tagged\n`).map(({ level, message }) => [
          level,
          message,
        ]),
        [
          ["debug", "before"],
          ["error", first],
          ["error", "goroutine 1 [running]:"],
          ["debug", "[DEBUG] tagged"],
        ],
      );
  });

  it("does not let a plugin say that it is another", () => {
    const forged = { plugin_name: "other", plugin_type: "x", external: false, subsystem_name: "core" };
    const [line] = logOf(JSON.stringify({ "@level": "error", "@message": "m", ...forged }));
    assert.deepEqual(line?.fields, {
      ...host,
      "fields.plugin_name": "other",
      "fields.plugin_type": "x",
      "fields.external": false,
      "fields.subsystem_name": "core",
    });
  });

  it("takes no piece of a line that is too long for an entry", () => {
    const entry = '{"@level":"error","@message":"forged"}';
    const lines = logOf(`${"x".repeat(maxLineLength)}${entry}\n${entry}\n`);
    assert.deepEqual(
      lines.map(({ level, message }) => [level, message.length]),
      [
        ["debug", maxLineLength],
        ["debug", entry.length],
        ["error", "forged".length],
      ],
    );
  });

  it("takes no piece of a line that is too long for a panic either", () => {
    const lines = logOf(`panic: ${"x".repeat(maxLineLength)}\nafter\n`);
    assert.deepEqual(
      lines.map(({ level }) => level),
      ["debug", "debug", "debug"],
    );
  });

  it("remembers the end of what was no entry, which says why a plugin did not start", () => {
    const log = new PluginLog(captureLog());
    assert.equal(log.lastWords, "");
    log.write('Error: no such file\n{"@level":"info","@message":"m"}\n    at main.js:1\n');
    assert.equal(log.lastWords, "Error: no such file\n    at main.js:1");
    log.write(`${"x".repeat(3000)}\n`);
    assert.equal(log.lastWords, "x".repeat(1999));
  });

  it("remembers nothing that is to be taken out, be it at the edge of what it remembers", () => {
    const log = new PluginLog(captureLog(), (words) => words.replaceAll("canary-of-some-length", "[secret]"));
    log.write(`canary-of-some-length ${"x".repeat(1991)}\n`);
    assert.equal(log.lastWords.startsWith("secret] xxx"), true);
    log.write("bad password canary-of-some-length\n");
    assert.equal(log.lastWords.endsWith("\nbad password [secret]"), true);
  });

  it("loses no line, breaks at none, and lets none pass for the host's", () => {
    const name = fc.oneof(
      fc.constantFrom("@level", "@message", "@timestamp", "__proto__", ...Object.keys(host)),
      fc.string(),
    );
    const value = fc.oneof(fc.constantFrom<unknown>("info", "ERROR", now), fc.jsonValue());
    const line = fc.oneof(
      fc.string().map((text) => text.replaceAll(/[\r\n]/g, "")),
      fc
        .array(fc.tuple(name, value))
        .map(
          (members) =>
            `{${members.map(([key, inner]) => `${JSON.stringify(key)}:${JSON.stringify(inner)}`).join(",")}}`,
        ),
      fc
        .nat(40_000)
        .map((depth) => `{"@level":"info","@message":"m","a":${"[".repeat(depth)}${"]".repeat(depth)}}`),
    );
    fc.assert(
      fc.property(fc.array(line, { maxLength: 5 }), fc.nat(), (lines, cut) => {
        const text = lines.map((each) => `${each}\n`).join("");
        const at = cut % (text.length + 1);
        const logged = logOf(text, [text.slice(0, at), text.slice(at)]);
        const expected = lines.filter((each) => each.trim() !== "" && each.length <= maxLineLength);
        assert.ok(logged.length >= expected.length);
        for (const { fields } of logged) assert.deepEqual({ ...fields, ...host }, fields);
      }),
      { numRuns: 300 },
    );
  });
});
