import assert from "node:assert/strict";
import { describe, it } from "node:test";
import fc from "fast-check";
import { commaTexts, duration, int, maybe, oneOf, text, texts, toggle } from "./flag.ts";
import { parseFlags } from "./parse-flags.ts";

const flags = {
  name: text("a name", "nobody"),
  dns: texts("a DNS name"),
  audience: commaTexts("audiences"),
  admin: toggle("an administrator"),
  banned: maybe("banned"),
  ttl: int("seconds", 600),
  wait: duration("a while", 5000),
  output: oneOf("the output", ["pretty", "json"]),
};
const initial = {
  name: "nobody",
  dns: [],
  audience: [],
  admin: false,
  banned: undefined,
  ttl: 600,
  wait: 5000,
  output: "pretty",
};

describe("parseFlags()", () => {
  for (const [args, values, rest = []] of [
    [[], {}],
    [["-name", "x"], { name: "x" }],
    [["--name", "x"], { name: "x" }],
    [["-name=x"], { name: "x" }],
    [["--name=a=b"], { name: "a=b" }],
    [["-name="], { name: "" }],
    [["-name", "-dash"], { name: "-dash" }],
    [["-name", "a", "-name", "b"], { name: "b" }],
    [["-dns", "a", "--dns=b"], { dns: ["a", "b"] }],
    [["-audience", "a,b", "-audience", "c"], { audience: ["c"] }],
    [["-admin"], { admin: true }],
    [["-admin=false"], { admin: false }],
    [["-admin", "true", "-name", "x"], { admin: true }, ["true", "-name", "x"]],
    [["-banned", "true"], { banned: true }],
    [["-banned", "all"], { banned: undefined }],
    [["-ttl", "0x10"], { ttl: 16 }],
    [["-ttl", "010"], { ttl: 8 }],
    [["-ttl", "-5"], { ttl: -5 }],
    [["-wait", "1m30s"], { wait: 90_000 }],
    [["-output", "JSON"], { output: "json" }],
    [["-name", "x", "--", "-ttl"], { name: "x" }, ["-ttl"]],
    [["word", "-name", "x"], {}, ["word", "-name", "x"]],
    [["-"], {}, ["-"]],
  ] as const)
    it(`reads ${JSON.stringify(args)}`, () => {
      const parsed = parseFlags(flags, args);
      assert.deepEqual([parsed.values, parsed.rest], [{ ...initial, ...values }, rest]);
    });

  for (const [args, message] of [
    [["-nmae", "x"], "flag provided but not defined: -nmae; did you mean -name?"],
    [["-quite-other"], "flag provided but not defined: -quite-other"],
    [["-name"], "flag needs an argument: -name"],
    [["---name"], "bad flag syntax: ---name"],
    [["-=x"], "bad flag syntax: -=x"],
    [["-admin=maybe"], 'invalid value "maybe" for flag -admin: it takes true or false'],
    [["-ttl", "1.5"], 'invalid value "1.5" for flag -ttl: parse error'],
    [["-ttl", "2147483648"], 'invalid value "2147483648" for flag -ttl: value out of range'],
    [["-wait", "soon"], 'invalid value "soon" for flag -wait: it takes a duration such as "1h30m"'],
    [["-output", "xml"], 'invalid value "xml" for flag -output: it is one of pretty, json'],
    [["-toString", "x"], "flag provided but not defined: -toString"],
  ] as const)
    it(`refuses ${JSON.stringify(args)}`, () => {
      assert.throws(() => parseFlags(flags, args), { reason: "USAGE", message });
    });

  it("tells which flags were there", () => {
    assert.deepEqual([...parseFlags(flags, ["-admin=false", "-ttl", "600"]).given], ["admin", "ttl"]);
  });

  it("takes any text for a text flag, with one dash or two, joined or not", () => {
    fc.assert(
      fc.property(fc.string(), fc.constantFrom("-", "--"), fc.boolean(), (value, dashes, joined) => {
        const args = joined ? [`${dashes}name=${value}`] : [`${dashes}name`, value];
        assert.deepEqual(parseFlags(flags, args).values, { ...initial, name: value });
      }),
    );
  });
});
