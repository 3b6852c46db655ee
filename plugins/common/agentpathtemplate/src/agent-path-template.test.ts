import assert from "node:assert/strict";
import { describe, it } from "node:test";
import fc from "fast-check";
import { quoted } from "./functions/quote.ts";
import { AgentPathTemplate, type TemplateData, TemplateError } from "./index.ts";
import { fromOctets, toOctets } from "./octets.ts";
import { sampleData } from "./testing/sample-data.ts";

/** The words that the language is made of, and some that it is not. */
const words = fc.constantFrom(
  ..."{{ }} {{- -}} {{/* */}} ( ) | , := = . $ $x $y .PluginName .DNSNames .URISanSelectors .Subject.CommonName".split(
    " ",
  ),
  ..."if else end range with define template block break continue nil true and or not index len print printf".split(
    " ",
  ),
  ..."upper splitList join list dict set merge append repeat replace regexReplaceAll regexSplit first uniq".split(
    " ",
  ),
  ...['"a"', '"%s%d"', '"(a*)*"', "`x`", "'c'", "0", "7", "-1", "99999999", '"t"', " ", "\n", '"', "`", "ü"],
);
const wordsTemplate = fc.array(words, { maxLength: 60 }).map((parts) => parts.join(" "));
/** Actions that are mostly well-formed, so that they are carried out, too. */
const actionsTemplate = fc
  .array(
    fc.array(
      words.filter((word) => !/[{}]/.test(word)),
      { minLength: 1, maxLength: 6 },
    ),
    { maxLength: 8 },
  )
  .map((actions) => actions.map((parts) => `{{ ${parts.join(" ")} }}`).join("/"));

/** Runs it; a TemplateError is an answer, too. */
function run(template: string, data: TemplateData = sampleData): string | undefined {
  try {
    return AgentPathTemplate.parse(template).execute(data);
  } catch (error) {
    if (error instanceof TemplateError) return undefined;
    throw error;
  }
}

describe("AgentPathTemplate, given any text", () => {
  it("answers, or refuses it with its own error", () => {
    let answered = 0;
    const template = fc.oneof(fc.string({ unit: "binary" }), wordsTemplate, actionsTemplate);
    fc.assert(
      fc.property(template, (text) => {
        if (run(text) !== undefined) answered++;
      }),
      { numRuns: 3000 },
    );
    assert.ok(answered > 100, "some are templates");
  });

  it("prints text without actions as it stands", () => {
    fc.assert(
      fc.property(fc.string({ unit: "grapheme" }), (text) => {
        fc.pre(!text.includes("{{"));
        assert.equal(run(text), text);
      }),
    );
  });

  it("reads what it quotes", () => {
    fc.assert(
      fc.property(fc.string({ unit: "grapheme" }), (text) => {
        const literal = fromOctets(quoted(toOctets(text)));
        assert.equal(run(`{{ ${literal} }}`), text);
        assert.equal(run(`{{ quote ${literal} }}`), literal);
      }),
    );
  });

  it("answers whatever the data", () => {
    const { data } = fc.letrec<{ readonly data: TemplateData; readonly record: TemplateData }>((tie) => ({
      data: fc.oneof(
        { depthSize: "small" },
        fc.string({ unit: "binary" }),
        fc.maxSafeInteger(),
        fc.boolean(),
        fc.array(tie("data"), { maxLength: 3 }),
        tie("record"),
        fc.array(fc.tuple(fc.string(), fc.string())).map((entries) => new Map(entries)),
      ),
      record: fc
        .dictionary(fc.constantFrom("A", "B"), tie("data"), { noNullPrototype: true })
        .map((fields) => ({ fields })),
    }));
    const templates = [
      "{{ .A }}/{{ .B }}",
      "{{ range $k, $v := .A }}{{ $k }}={{ $v }}{{ end }}",
      '{{ with .A }}{{ . | toString | snakecase | regexReplaceAll "[^a-z]+" "-" }}{{ end }}',
      "{{ join `-` .A | trunc 3 | quote }}{{ index .A 0 }}",
      "{{ .constructor }}{{ .__proto__ }}{{ .A.toString }}",
    ];
    fc.assert(
      fc.property(fc.constantFrom(...templates), data, (template, value) => void run(template, value)),
    );
  });
});

describe("AgentPathTemplate, given work without end", () => {
  const doubled = (count: number, name = "$a") =>
    `{{ ${name} := list "x" }}{{ range ${count} }}{{ ${name} = list ${name} ${name} }}{{ end }}`;
  const maps = (name: string) =>
    `{{ ${name} := dict "x" "y" }}{{ range 30 }}{{ ${name} = dict "a" ${name} "b" ${name} }}{{ end }}`;
  const tooMuch = /^the template does too much$/;
  const tooLong = /: a text of more than 16384 octets$/;

  for (const [what, template, message] of [
    ["a long range", "{{ range 1000000000 }}{{ end }}", tooMuch],
    ["ranges in ranges", "{{ range 9999 }}{{ range 9999 }}{{ end }}{{ end }}", tooMuch],
    ["a range that prints", "{{ range 1000000000 }}a{{ end }}", tooLong],
    ["a text repeated", '{{ repeat 1000000000 "a" }}', tooLong],
    ["a wide number", '{{ printf "%999999999d" 1 }}', tooLong],
    ["a precise number", '{{ printf "%.999999999d" 1 }}', tooLong],
    ["a long sequence", "{{ seq 1 9007199254740991 }}", tooLong],
    ["a text doubled", '{{ $a := "x" }}{{ range 99 }}{{ $a = print $a $a }}{{ end }}', tooLong],
    ["a replacement that grows", '{{ $a := repeat 9999 "x" }}{{ replace "x" $a $a }}', tooLong],
    ["an indent of many lines", '{{ indent 9999 (repeat 9999 "\\n") }}', tooLong],
    [
      "a regular expression's replacement that grows",
      '{{ $a := repeat 999 "x" }}{{ regexReplaceAll "x" $a $a }}',
      tooLong,
    ],
    ["a list that holds another twice, and so on", `${doubled(30)}{{ $a }}`, tooLong],
    ["two such lists compared", `${doubled(30)}${doubled(30, "$b")}{{ has $a (list $b) }}`, tooMuch],
    ["such maps merged", `${maps("$a")}${maps("$b")}{{ $_ := merge $a $b }}`, tooMuch],
    [
      "a list in a list in a list",
      "{{ $a := list }}{{ range 9999 }}{{ $a = list $a }}{{ end }}{{ $a }}",
      /too many values in a value$/,
    ],
    ["a growing list", "{{ $a := list }}{{ range 99999 }}{{ $a = append $a . }}{{ end }}", tooMuch],
    ["a map in itself", '{{ $d := dict }}{{ set $d "a" (list $d) }}', /cannot be put into itself$/],
    [
      "a template that calls itself",
      '{{ define "t" }}{{ template "t" }}{{ end }}{{ template "t" }}',
      /lie too deep/,
    ],
    ["the whole calling itself", '{{ template "agent-path" . }}', /lie too deep/],
    [
      "a deep template that calls itself",
      `{{ define "t" }}${"{{ if 1 }}".repeat(90)}{{ template "t" }}${"{{ end }}".repeat(91)}{{ template "t" }}`,
      /lie too deep/,
    ],
    [
      "a pattern that repeats its repeats",
      `{{ regexMatch "${"x{1000}".repeat(100)}" "x" }}`,
      /the pattern is too large$/,
    ],
    [
      "a hard pattern, often",
      '{{ $a := repeat 9999 "x" }}{{ range 999 }}{{ $_ := regexMatch "(?:x|xy){900}z" $a }}{{ end }}',
      tooMuch,
    ],
    ["parentheses in parentheses", `{{ ${"(".repeat(9999)}1${")".repeat(9999)} }}`, /nests too deeply$/],
    ["blocks in blocks", `${"{{ if 1 }}".repeat(999)}${"{{ end }}".repeat(999)}`, /nests too deeply$/],
    ["an endless else if", `{{ if 0 }}${"{{ else if 0 }}".repeat(999)}{{ end }}`, /nests too deeply$/],
    ["a template of a book's length", "a".repeat(70_000), /more than 65536 characters$/],
  ] as const)
    it(`stops soon at ${what}`, () => {
      const startedAt = performance.now();
      assert.throws(() => AgentPathTemplate.parse(template).execute(sampleData), {
        name: "TemplateError",
        message,
      });
      const tookMs = performance.now() - startedAt;
      assert.ok(tookMs < 2000, `${tookMs} ms`);
    });

  it("is not misled by patterns that send others astray", () => {
    assert.equal(run('{{ regexMatch "^(a|aa|a*)*$" (print (repeat 9999 "a") "b") }}'), "false");
  });
});

describe("AgentPathTemplate.parse()", () => {
  const fields = { Name: true, Subject: { CommonName: true, Country: true } } as const;
  const parse = (text: string) => AgentPathTemplate.parse(text, fields);

  it("takes the fields there are", () => {
    for (const text of [
      "{{ .Name }}{{ .Name.anything }}",
      "{{ .Subject.CommonName }}{{ $.Subject.Country }}",
      "{{ with .Subject }}{{ .CommonName }}{{ .Other }}{{ end }}",
      "{{ range .Subject.Country }}{{ .Whatever }}{{ end }}",
      '{{ define "t" }}{{ .X }}{{ end }}{{ (dict "a" 1).a }}{{ $x := 1 }}{{ $x.Y }}',
    ])
      parse(text);
  });

  it("names those that are not there, wherever the data itself is meant", () => {
    const there = "there are .Name, .Subject";
    for (const [text, message] of [
      ["{{ .Nme }}", `there is no field .Nme; ${there}`],
      ["{{ .constructor }}", `there is no field .constructor; ${there}`],
      ["{{ if .X }}{{ end }}", `there is no field .X; ${there}`],
      ["{{ if .Name }}{{ .X }}{{ end }}", `there is no field .X; ${there}`],
      ["{{ if .Name }}{{ else }}{{ .X }}{{ end }}", `there is no field .X; ${there}`],
      ["{{ with .Name }}{{ else }}{{ .X }}{{ end }}", `there is no field .X; ${there}`],
      ["{{ with .Name }}{{ $.X }}{{ end }}", `there is no field .X; ${there}`],
      ["{{ upper (lower .X) }}", `there is no field .X; ${there}`],
      ['{{ template "t" .X }}', `there is no field .X; ${there}`],
      [
        "{{ .Subject.Name }}",
        "there is no field .Subject.Name; there are .Subject.CommonName, .Subject.Country",
      ],
    ] as const)
      assert.throws(() => parse(text), { name: "TemplateError", message });
  });

  it("says what is wrong, in words of its own", () => {
    for (const [text, message] of [
      ["{{ nosuch }}", 'function "nosuch" not defined'],
      ["{{ upper }}", "wrong number of args for upper: got 0"],
      ["{{ $x }}", 'undefined variable "$x"'],
      ["{{ .Name", "unclosed action"],
      ["{{ if .Name }}", "unexpected EOF: {{if}} has no {{end}}"],
      ["{{ end }}", "unexpected {{end}}"],
      ['{{ "a }}', "unterminated quoted text"],
      ["{{ (.Name }}", "unclosed left paren"],
      ["{{ 1.5 }}", "1.5 is not a whole number, and others are not supported"],
      ["{{ .a-b }}", 'bad character "-" after a'],
    ] as const)
      assert.throws(() => AgentPathTemplate.parse(text), { name: "TemplateError", message });
  });
});
