import assert from "node:assert/strict";
import { describe, it } from "node:test";
import fc from "fast-check";
import { Lines, maxLineLength } from "./lines.ts";

function linesOf(pieces: readonly string[]): (readonly [line: string, isWhole: boolean])[] {
  const taken: (readonly [string, boolean])[] = [];
  const lines = new Lines((line, isWhole) => taken.push([line, isWhole]));
  for (const piece of pieces) lines.write(piece);
  lines.end();
  return taken;
}

describe("Lines", () => {
  const cases: readonly [what: string, text: string, lines: readonly (readonly [string, boolean])[]][] = [
    [
      "lines, and what comes without a line end",
      "a\nb\nc",
      [
        ["a", true],
        ["b", true],
        ["c", true],
      ],
    ],
    ["nothing of empty lines", "\n\na\n\n", [["a", true]]],
    [
      "lines that end as on Windows",
      "a\r\nb\r\n",
      [
        ["a", true],
        ["b", true],
      ],
    ],
    ["a carriage return within a line", "a\rb\n", [["a\rb", true]]],
    ["a line as long as may be", `${"x".repeat(maxLineLength)}\n`, [["x".repeat(maxLineLength), true]]],
    [
      "a longer line in pieces, and the next one whole",
      `${"x".repeat(maxLineLength * 2 + 1)}\ny\n`,
      [
        ["x".repeat(maxLineLength), false],
        ["x".repeat(maxLineLength), false],
        ["x", false],
        ["y", true],
      ],
    ],
  ];
  for (const [what, text, lines] of cases)
    it(`gives ${what}`, () => {
      assert.deepEqual(linesOf([text]), lines);
    });

  it("gives the same lines however the text comes", () => {
    const text = fc.oneof(
      fc.string({ unit: fc.constantFrom("a", "\n", "\r", "ö"), maxLength: 50 }),
      fc
        .tuple(fc.nat(3), fc.nat(5), fc.string({ maxLength: 5 }))
        .map(([times, more, rest]) => `${"x".repeat(maxLineLength * times + more)}\n${rest}`),
    );
    fc.assert(
      fc.property(text, fc.array(fc.nat(), { maxLength: 10 }), (whole, cuts) => {
        const places = cuts.map((cut) => cut % (whole.length + 1)).sort((a, b) => a - b);
        const pieces = [...places, whole.length].map((end, index) =>
          whole.slice(places[index - 1] ?? 0, end),
        );
        assert.equal(pieces.join(""), whole);
        assert.deepEqual(linesOf(pieces), linesOf([whole]));
      }),
      { numRuns: 200 },
    );
  });
});
