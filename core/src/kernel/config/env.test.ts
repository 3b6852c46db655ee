import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { expandEnvironment } from "./env.ts";

const env = { HOST: "db.example.org", EMPTY: "", "1": "one", "*": "star" };

// Dollars and braces as they stand in a file.
const braced = (name: string): string => `$\{${name}}`;

const cases: readonly (readonly [text: string, expected: string])[] = [
  ["address = $HOST", "address = db.example.org"],
  [`address = ${braced("HOST")}:5432`, "address = db.example.org:5432"],
  [`[$UNSET] [${braced("UNSET")}] [$EMPTY]`, "[] [] []"],
  ["$HOSTNAME", ""],
  ["$HOST-a", "db.example.org-a"],
  ["$1x", "onex"],
  ["$*", "star"],
  ["no dollar", "no dollar"],
];

describe("expandEnvironment()", () => {
  for (const [text, expected] of cases)
    it(`turns ${text} into ${JSON.stringify(expected)}`, () => {
      assert.equal(expandEnvironment(text, env), expected);
    });
});
