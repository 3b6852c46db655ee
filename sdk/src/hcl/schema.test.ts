import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { StatusError } from "../status/status-error.ts";
import {
  block,
  blocks,
  bool,
  decodeConfig,
  durationMs,
  type Fields,
  int,
  labelled,
  string,
  strings,
  text,
} from "./schema.ts";

function problems(source: string, fields: Fields, filename?: string): string[] {
  try {
    decodeConfig(source, fields, filename === undefined ? {} : { filename });
  } catch (error) {
    assert.ok(error instanceof StatusError, String(error));
    assert.equal(error.code, 3);
    return error.message.split("\n");
  }
  return [];
}

describe("decodeConfig()", () => {
  it("reads scalars, with their defaults", () => {
    const fields = {
      name: string({ required: true }),
      level: string({ default: "INFO" }),
      size: int({ default: 7 }),
      on: bool({ default: true }),
      ttl: durationMs({ default: 1000 }),
      other: string(),
    };
    assert.deepEqual(decodeConfig('name = "x"', fields), {
      name: "x",
      level: "INFO",
      size: 7,
      on: true,
      ttl: 1000,
      other: undefined,
    });
    const all = 'name = 5\nlevel = <<E\nx\nE\nsize = 0x10\non = false\nttl = "1h30m"\nother = ""';
    assert.deepEqual(decodeConfig(all, fields), {
      name: "5",
      level: "x\n",
      size: 16,
      on: false,
      ttl: 5_400_000,
      other: "",
    });
  });

  it("wastes no time on a key that is longer than any known one", () => {
    const fields = Object.fromEntries(Array.from({ length: 50 }, (_, index) => [`known_${index}`, int()]));
    const started = performance.now();
    const [problem = ""] = problems(`${"a".repeat(200_000)} = 1`, fields);
    assert.ok(problem.endsWith(`a"; known are ${Object.keys(fields).join(", ")}`), problem.slice(-100));
    assert.ok(performance.now() - started < 1000);
  });

  it("reads JSON and HCL alike", () => {
    const fields = { a: block({ b: strings(), c: labelled(block({ d: int() })) }) };
    const hcl = decodeConfig('a { b = ["x", "y"] c "one" { d = 1 } c "two" { d = 2 } }', fields);
    const json = decodeConfig(
      '{"a": {"b": ["x", "y"], "c": [{"one": {"d": 1}}, {"two": {"d": 2}}]}}',
      fields,
    );
    const values = (decoded: typeof hcl): unknown => [
      decoded.a?.b,
      decoded.a?.c.map(({ label, value }) => [label, value]),
    ];
    assert.deepEqual(values(hcl), [
      ["x", "y"],
      [
        ["one", { d: 1 }],
        ["two", { d: 2 }],
      ],
    ]);
    assert.deepEqual(values(json), values(hcl));
  });

  it("takes whole numbers in every base Go knows", () => {
    const cases: [string, number][] = [
      ["0", 0],
      ["-0", 0],
      ["42", 42],
      ["-42", -42],
      ['"42"', 42],
      ['"+42"', 42],
      ["0x1f", 31],
      ["-0x1f", -31],
      ["010", 8],
      ['"0o17"', 15],
      ['"0b11"', 3],
    ];
    for (const [source, value] of cases)
      assert.deepEqual(decodeConfig(`a = ${source}`, { a: int() }), { a: value });
    for (const source of ['"1.5"', '"x"', '""', '"089"', '"9007199254740993"', '" 1"'])
      assert.deepEqual(problems(`a = ${source}`, { a: int() }), [
        `line 1, column 5: a takes a whole number, not ${source}`,
      ]);
    for (const source of ["1.5", "1e3", "true", "[1]", "{}"])
      assert.deepEqual(problems(`a = ${source}`, { a: int() }), ["line 1, column 5: a takes a whole number"]);
  });

  it("takes bools as words or quoted", () => {
    for (const source of ["true", '"true"', '"TRUE"', '"1"', "1"])
      assert.deepEqual(decodeConfig(`a = ${source}`, { a: bool() }), { a: true });
    for (const source of ["false", '"f"', '"0"', "0"])
      assert.deepEqual(decodeConfig(`a = ${source}`, { a: bool() }), { a: false });
    assert.deepEqual(problems('a = "yes"', { a: bool() }), [
      'line 1, column 5: a takes true or false, not "yes"',
    ]);
    assert.deepEqual(problems("a = 2", { a: bool() }), ["line 1, column 5: a takes true or false"]);
    assert.deepEqual(problems("a = []", { a: bool() }), ["line 1, column 5: a takes true or false"]);
  });

  it("takes no bool, list or block as text", () => {
    for (const source of ["true", '["x"]', '{ b = "x" }'])
      assert.deepEqual(problems(`a = ${source}`, { a: string() }), ["line 1, column 5: a takes a string"]);
    assert.deepEqual(problems('a "b" { }', { a: string() }), [
      "line 1, column 1: a takes a string, not a block",
    ]);
  });

  it("takes durations, and names what is none", () => {
    assert.deepEqual(problems('a = "1 hour"', { a: durationMs() }), [
      'line 1, column 5: a takes a duration such as "1h30m", not "1 hour"',
    ]);
    assert.deepEqual(problems("a = 5", { a: durationMs() }), [
      'line 1, column 5: a takes a duration such as "1h30m"',
    ]);
    assert.deepEqual(decodeConfig("a = 0", { a: durationMs() }), { a: 0 });
  });

  it("takes the last of scalars that come again, and all of lists", () => {
    assert.deepEqual(decodeConfig('a = "x"\na = "y"', { a: string() }), { a: "y" });
    assert.deepEqual(decodeConfig('a = ["x", 1]\na = "y"', { a: strings() }), { a: ["x", "1", "y"] });
    assert.deepEqual(problems('a = ["x", true, ["y"]]', { a: strings() }), [
      "line 1, column 11: a takes a list of strings",
      "line 1, column 17: a takes a list of strings",
    ]);
  });

  it("reads blocks: one of many parts, many, or by label", () => {
    const inner = { b: int(), c: int() };
    assert.deepEqual(decodeConfig("a { b = 1 }\na { c = 2 }", { a: block(inner) }), { a: { b: 1, c: 2 } });
    assert.deepEqual(decodeConfig("", { a: block(inner), d: blocks(inner) }), { a: undefined, d: [] });
    assert.deepEqual(decodeConfig("a { b = 1 }\na = [{ b = 2 }, { c = 3 }]", { a: blocks(inner) }), {
      a: [
        { b: 1, c: undefined },
        { b: 2, c: undefined },
        { b: undefined, c: 3 },
      ],
    });
    const { a } = decodeConfig('a "x" { b = 1 }\na { "y" { b = 2 } z { b = 3 } }', {
      a: labelled(block(inner)),
    });
    assert.deepEqual(
      a.map(({ label, position, value }) => [label, position, value?.b]),
      [
        ["x", { line: 1, column: 3 }, 1],
        ["y", { line: 2, column: 5 }, 2],
        ["z", { line: 2, column: 19 }, 3],
      ],
    );
    assert.deepEqual(problems('a "x" { }', { a: block(inner) }), ["line 1, column 3: a takes no label"]);
    assert.deepEqual(problems("a = 1", { a: block(inner) }), ["line 1, column 5: a takes a block"]);
    assert.deepEqual(problems('a "x" "y" { }', { a: labelled(block(inner)) }), [
      'line 1, column 7: a "x" takes no label',
    ]);
  });

  it("hands on, printed, what is somebody else's to read", () => {
    const read = (source: string): unknown => decodeConfig(source, { a: text() }).a;
    assert.equal(read(""), undefined);
    assert.equal(read("a { }"), "");
    assert.equal(read('a { b = 1 c "d" { } }'), 'b = 1\nc "d" {}\n');
    assert.equal(read("a { b = 1 }\na { c = 2 }"), "b = 1\nc = 2\n");
    assert.equal(read('{"a": [{"b": 1}, {"c": "x"}]}'), '"b" = 1\n"c" = "x"\n');
    assert.equal(read('a = "x"'), '"x"');
  });

  it("matches keys whatever their case", () => {
    assert.deepEqual(decodeConfig("Keys_Path = 1", { keys_path: int() }), { keys_path: 1 });
  });

  it("names every problem at once, each with its place, and what was meant", () => {
    const fields = {
      trust_domain: string({ required: true }),
      log_level: string(),
      server: block({ ca_ttl: durationMs(), ports: block({ http: int() }) }),
    };
    const source =
      'trust_domian = "x"\nserver {\n  ca_tll = 1\n  ports { htpt = 1, zzz = 2 }\n  ca_ttl = "soon"\n}\n';
    assert.deepEqual(problems(source, fields, "server.conf"), [
      'server.conf:1:1: unknown key "trust_domian"; did you mean "trust_domain"?',
      "server.conf: trust_domain must be configured",
      'server.conf:3:3: unknown key "ca_tll" in server; did you mean "ca_ttl"?',
      'server.conf:5:12: server.ca_ttl takes a duration such as "1h30m", not "soon"',
      'server.conf:4:11: unknown key "htpt" in server.ports; did you mean "http"?',
      'server.conf:4:21: unknown key "zzz" in server.ports; known are http',
    ]);
    assert.deepEqual(problems("__proto__ = 1", { a: int() }), [
      'line 1, column 1: unknown key "__proto__"; known are a',
    ]);
  });

  it("says a syntax error instead", () => {
    assert.deepEqual(problems("a = ", { b: int() }, "x.conf"), [
      "x.conf:1:5: expected a value, found the end of the file",
    ]);
  });
});
