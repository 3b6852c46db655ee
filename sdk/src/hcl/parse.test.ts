// biome-ignore-all lint/suspicious/noTemplateCurlyInString: interpolation is part of the language.
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import fc from "fast-check";
import { StatusError } from "../status/status-error.ts";
import type { HclBody, HclValue, Position } from "./ast.ts";
import { parseHcl } from "./parse.ts";
import { printHcl, printHclValue } from "./print.ts";

/** A number, told apart from text. */
const n = (text: string): { n: string } => ({ n: text });

function plainValue(value: HclValue): unknown {
  switch (value.kind) {
    case "number":
      return n(value.text);
    case "list":
      return value.items.map(plainValue);
    case "object":
      return plain(value.body);
    default:
      return value.value;
  }
}

/** `[[keys, value], …]`, without positions. */
function plain(body: HclBody): unknown {
  return body.items.map(({ keys, value }) => [keys.map(({ text }) => text), plainValue(value)]);
}

function refusal(text: string, filename?: string): string | undefined {
  try {
    parseHcl(text, filename === undefined ? {} : { filename });
  } catch (error) {
    assert.ok(error instanceof StatusError, String(error));
    assert.deepEqual([error.code, error.reason], [3, "HCL_SYNTAX"]);
    return error.message;
  }
  return undefined;
}

describe("parseHcl()", () => {
  const cases: [string, string, unknown][] = [
    ["nothing", "", []],
    ["only comments", "# a\n// b\n/* c\n*/", []],
    ["an assignment", 'a = "x"', [[["a"], "x"]]],
    [
      "several on a line",
      "a = 1 b = 2",
      [
        [["a"], n("1")],
        [["b"], n("2")],
      ],
    ],
    [
      "commas between items",
      "a=1,b { c=2, },",
      [
        [["a"], n("1")],
        [["b"], [[["c"], n("2")]]],
      ],
    ],
    ["comments anywhere", "a /* = */ = # x\n [1, // y\n 2 /* z */]", [[["a"], [n("1"), n("2")]]]],
    ["a block", "a { b = 1 }", [[["a"], [[["b"], n("1")]]]]],
    ["labels", 'KeyManager "disk" { plugin_data { } }', [[["KeyManager", "disk"], [[["plugin_data"], []]]]]],
    ["nested labelled blocks", 'a "b" "c" { d "e" { } }', [[["a", "b", "c"], [[["d", "e"], []]]]]],
    ["labels without quotes", "a b { }", [[["a", "b"], []]]],
    [
      "a key again",
      "a = 1\na = 2",
      [
        [["a"], n("1")],
        [["a"], n("2")],
      ],
    ],
    [
      "keys of all kinds",
      'a-b.c_1 = 1\n"a b" = 2\nä = 3',
      [
        [["a-b.c_1"], n("1")],
        [["a b"], n("2")],
        [["ä"], n("3")],
      ],
    ],
    [
      "lists",
      'a = [1, "x", true, [2], { b = 3 },]',
      [[["a"], [n("1"), "x", true, [n("2")], [[["b"], n("3")]]]]],
    ],
    [
      "numbers",
      "a = [0, -1, 0x1F, 010, 1.5, 1e5, 1.5e-3, .5]",
      [[["a"], ["0", "-1", "0x1F", "010", "1.5", "1e5", "1.5e-3", ".5"].map(n)]],
    ],
    ["bools", "a = [true, false]", [[["a"], [true, false]]]],
    ["escapes", String.raw`a = "\n\t\"\\\u00e4\U0001f600\x41\101\a"`, [[["a"], '\n\t"\\ä\u{1f600}AA\u0007']]],
    ["braces and dollars", 'a = "{}$ $$ $"', [[["a"], "{}$ $$ $"]]],
    ["an interpolation, as it is written", 'a = "x${file("y\\n")}z"', [[["a"], 'x${file("y\\n")}z']]],
    ["braces within an interpolation", 'a = "${ { "b" } \n }"', [[["a"], '${ { "b" } \n }']]],
    [
      "a heredoc",
      "a = <<EOF\nx\n  y EOF\nEOF\nb = 1",
      [
        [["a"], "x\n  y EOF\n"],
        [["b"], n("1")],
      ],
    ],
    ["an empty heredoc", "a = <<EOF\nEOF\n", [[["a"], ""]]],
    ["a heredoc at the end of the file", "a = <<EOF\nx\nEOF", [[["a"], "x\n"]]],
    ["a heredoc whose end is indented", "a = <<EOF\nx\n  EOF\n", [[["a"], "x\n  "]]],
    ["a heredoc indented as its end", "a = <<-EOF\n    x\n      y\n    EOF\n", [[["a"], "x\n  y\n"]]],
    ["a heredoc indented less than its end", "a = <<-EOF\n    x\n  y\n    EOF\n", [[["a"], "    x\n  y\n"]]],
    ["a heredoc with an empty line", "a = <<-EOF\n  x\n\n  EOF\n", [[["a"], "  x\n\n"]]],
    ["heredocs in a list", "a = [<<A\nx\nA\n, <<B\ny\nB\n]", [[["a"], ["x\n", "y\n"]]]],
    [
      "line ends of Windows",
      "a = <<EOF\r\nx\r\nEOF\r\nb = 1\r\n",
      [
        [["a"], "x\n"],
        [["b"], n("1")],
      ],
    ],
    ["a byte order mark", "\ufeffa = 1", [[["a"], n("1")]]],
  ];
  for (const [title, text, value] of cases) {
    it(`reads ${title}`, () => {
      assert.deepEqual(plain(parseHcl(text)), value);
    });
  }

  const json: [string, string, unknown][] = [
    [
      "an object",
      '{"a": 1, "b": {"c": [true, "x", -1.5e3]}}',
      [
        [["a"], n("1")],
        [["b"], [[["c"], [true, "x", n("-1.5e3")]]]],
      ],
    ],
    ["space around", '\n { "a" : 1 } \n', [[["a"], n("1")]]],
    ["an empty object", "{}", []],
    ["a comma too many", '{"a": [1,],}', [[["a"], [n("1")]]]],
    ["null as no text", '{"a": null}', [[["a"], ""]]],
    ["escapes", String.raw`{"a": "\u00e4\/\ud83d\ude00\b"}`, [[["a"], "ä/\u{1f600}\b"]]],
    ["what would be an interpolation", '{"a": "${x"}', [[["a"], "${x"]]],
  ];
  for (const [title, text, value] of json) {
    it(`reads, as JSON, ${title}`, () => {
      assert.deepEqual(plain(parseHcl(text)), value);
    });
  }

  it("knows where keys and values stand", () => {
    const [first, second] = parseHcl('a = 1\n\n  "b" "c" {\n\td = "x"\n}\n').items;
    assert.ok(first && second?.value.kind === "object");
    assert.deepEqual(first.keys[0].position, { line: 1, column: 1 });
    assert.deepEqual(first.value.position, { line: 1, column: 5 });
    assert.deepEqual(
      second.keys.map(({ position }) => position),
      [
        { line: 3, column: 3 },
        { line: 3, column: 7 },
      ],
    );
    assert.deepEqual(second.value.position, { line: 3, column: 11 });
    const [inner] = second.value.body.items;
    assert.deepEqual(inner?.keys[0].position, { line: 4, column: 2 });
    assert.deepEqual(inner?.value.position, { line: 4, column: 6 });
  });

  const wrong: [string, string][] = [
    ["a", 'line 1, column 1: "a" has no value'],
    ["a =", "line 1, column 4: expected a value, found the end of the file"],
    ["= 1", 'line 1, column 1: expected a key, found "="'],
    ["1a = 1", 'line 1, column 1: expected a key, found "1"'],
    ["\n\n  a b = 1", 'line 3, column 3: nested object expected: { after the label of "a"'],
    ["a {\n b {\n}", "line 1, column 3: this brace is not closed"],
    ["a { }\n}", "line 2, column 1: there is no open brace for this one"],
    ["a = [1", "line 1, column 5: this list is not closed"],
    ["a = [1 2]", 'line 1, column 8: expected , or ], found "2"'],
    ["a = [\n1,\n=]", 'line 3, column 1: expected a value, found "="'],
    ["a = foo", 'line 1, column 5: foo is not a value: strings are written "foo"'],
    ["a = True", 'line 1, column 5: True is not a value: strings are written "True"'],
    ["a = 'x'", 'line 1, column 5: expected a value, found "\'"'],
    ["a = +1", 'line 1, column 5: expected a value, found "+"'],
    ["a = -.5", 'line 1, column 5: expected a value, found "-"'],
    ["a = 12abc", 'line 1, column 5: expected a value, found "1"'],
    ["a = 1.2.3", 'line 1, column 5: expected a value, found "1"'],
    ['a = "x', "line 1, column 5: this string is not closed"],
    ['a = "x\n"', "line 1, column 5: this string is not closed"],
    ['a = "${x"\nb = 1', "line 1, column 5: this string is not closed"],
    ['a = "x\\', "line 1, column 7: unknown escape \\"],
    ['a = "\\q"', "line 1, column 6: unknown escape \\q"],
    ['a = "\\u12"', "line 1, column 6: an escape here needs 4 digits of a character"],
    ['a = "\\U00110000"', "line 1, column 6: an escape here needs 8 digits of a character"],
    ['a = "\\xg0"', "line 1, column 6: an escape here needs 2 digits of a character"],
    ['a = "\\18"', "line 1, column 6: an escape here needs 3 digits of a character"],
    ["a = <<EOF x\nEOF\n", "line 1, column 5: a heredoc begins with << and a word at the end of the line"],
    ["a = <<EOF\nx\n", "line 1, column 5: this heredoc has no line EOF to end it"],
    ["a = 1\n/* b\n", "line 2, column 1: this comment is not closed"],
    ["/ a", 'line 1, column 1: expected a key, found "/"'],
    ['{"a" 1}', 'line 1, column 6: expected : after "a"'],
    ['{"a": 1', "line 1, column 8: expected , or } for what opens at line 1"],
    ['{"a": [1 2]}', "line 1, column 10: expected , or ] for what opens at line 1"],
    ["{a: 1}", "line 1, column 2: expected a key in quotes"],
    ['{"a": foo}', "line 1, column 7: expected a JSON value"],
    ['{"a": 1} b', "line 1, column 10: nothing may follow the closing brace"],
    ['{\n"a": "x\n"}', "line 2, column 6: this string is not closed"],
  ];
  it("says what is wrong, and where", () => {
    for (const [text, message] of wrong) assert.equal(refusal(text), message, text);
    assert.equal(
      refusal("\na = b", "conf/server.conf"),
      'conf/server.conf:2:5: b is not a value: strings are written "b"',
    );
  });

  it("is not led astray by depth or size", () => {
    const deep = [
      ["", "a { "],
      ["", "a = {"],
      ["a = ", "["],
      ["a = ", "[{ a = "],
      ["", '{"a": '],
      ['{"a": ', "["],
    ] as const;
    for (const [start, open] of deep) assert.match(refusal(start + open.repeat(20_000)) ?? "", /nested/);
    const big = "x".repeat(5_000_000);
    assert.deepEqual(plain(parseHcl(`a = "${big}" /* ${big} */ # ${big}`)), [[["a"], big]]);
    assert.deepEqual(plain(parseHcl(`a = <<E\n${big}\nE\n`)), [[["a"], `${big}\n`]]);
  });

  it("takes or refuses any text", () => {
    const likely = fc.array(
      fc.constantFrom(
        "a",
        "b ",
        "=",
        "{",
        "}",
        "[",
        "]",
        '"',
        "\\",
        "$",
        "${",
        "<<E",
        "<<-E",
        "\n",
        "E",
        "1",
        ".",
        "-",
        ",",
        "#",
        "/*",
        "*/",
        ":",
        "true",
      ),
      { maxLength: 40 },
    );
    const text = fc.oneof(
      likely.map((parts) => parts.join("")),
      likely.map((parts) => `{${parts.join("")}`),
      fc.string({ unit: "binary" }),
      fc.json(),
    );
    fc.assert(
      fc.property(text, (text) => {
        if (refusal(text) === undefined) assert.ok(parseHcl(text).items);
      }),
      { numRuns: 2000 },
    );
  });
});

describe("a hostile configuration", () => {
  const many = 200_000;
  const cases: readonly [string, string][] = [
    ["objects in objects", "a {".repeat(many)],
    ["lists in lists", `a = ${"[".repeat(many)}`],
    ["lists and objects in turn", `a = ${"[{b = ".repeat(many)}`],
    ["JSON in JSON", '{"a":'.repeat(many)],
    ["JSON lists in lists", `{"a":${"[".repeat(many)}`],
    ["interpolations in interpolations", `a = "${"${".repeat(many)}`],
    ["labels without end", `a ${"b ".repeat(many)}`],
    ["a heredoc without end", `a = <<E\n${" E x\n".repeat(many)}`],
    ["a comment without end", `/*${"/*".repeat(many)}`],
    ["dollars", `a = "${"$".repeat(many)}`],
    ["digits", `a = ${"1".repeat(many)}x`],
    ["dots", `a = 1${".1".repeat(many)}`],
  ];
  for (const [title, text] of cases)
    it(`is refused in the time it takes to read: ${title}`, () => {
      const started = performance.now();
      assert.notEqual(refusal(text), undefined);
      assert.ok(performance.now() - started < 5000);
    });
});

describe("printHcl()", () => {
  it("prints plainly", () => {
    const text =
      'a = 1\n"b c" = "x\\"y\\n"\nd "e" {\n  f = [1, "x", true]\n  g = {}\n}\nh = {\n  i = false\n}\n';
    assert.equal(printHcl(parseHcl(text)), text);
    assert.equal(printHcl(parseHcl('{"a": {"b": "c"}}')), '"a" = {\n  "b" = "c"\n}\n');
    assert.equal(printHcl({ items: [] }), "");
    const [item] = parseHcl("a = { b = 1 }").items;
    assert.equal(item && printHclValue(item.value).text, "b = 1\n");
    const [text1] = parseHcl('a = "x"').items;
    assert.equal(text1 && printHclValue(text1.value).text, '"x"');
  });

  it("begins no interpolation where the text has none", () => {
    const printed = printHcl(parseHcl(String.raw`a = "\u0024{x"`));
    assert.equal(printed, 'a = "\\u0024{x"\n');
    assert.deepEqual(plain(parseHcl(printed)), [[["a"], "${x"]]);
  });

  const position: Position = { line: 1, column: 1 };
  const string = fc.oneof(
    fc.string({ unit: "grapheme" }),
    fc.string({ unit: "binary" }),
    fc.string({ unit: fc.constantFrom(...'${}"\\\n\r\tab<E\u2028\u0000\u007f') }),
  );
  const bare = fc.constantFrom("a", "b_c", "d-e", "f.g", "_x", "true");
  const key = fc.oneof(
    bare.map((text) => ({ text, quoted: false, position })),
    string.map((text) => ({ text, quoted: true, position })),
  );
  const { body } = fc.letrec<{ value: HclValue; body: HclBody }>((tie) => ({
    value: fc.oneof(
      { maxDepth: 3 },
      string.map((value): HclValue => ({ kind: "string", value, position })),
      fc
        .constantFrom("1", "-2", "0x1f", "1.5", "1e5")
        .map((text): HclValue => ({ kind: "number", text, position })),
      fc.boolean().map((value): HclValue => ({ kind: "bool", value, position })),
      fc.array(tie("value"), { maxLength: 3 }).map((items): HclValue => ({ kind: "list", items, position })),
      tie("body").map((body): HclValue => ({ kind: "object", body, position })),
    ),
    body: fc
      .array(
        fc.oneof(
          fc.tuple(key, tie("value")).map(([key, value]) => ({ keys: [key] as const, value })),
          fc
            .tuple(key, fc.array(key, { minLength: 1, maxLength: 2 }), tie("body"))
            .map(([key, labels, body]) => ({
              keys: [key, ...labels] as const,
              value: { kind: "object", body, position } as const,
            })),
        ),
        { maxLength: 4 },
      )
      .map((items): HclBody => ({ items })),
  }));

  it("prints what parses to the same again", () => {
    fc.assert(
      fc.property(body, (body) => {
        assert.deepEqual(plain(parseHcl(printHcl(body))), plain(body));
      }),
      { numRuns: 500 },
    );
  });
});
