import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { checkDnsName } from "./dns-name.ts";

const label63 = "a".repeat(63);
const name253 = `${"abcdefg.".repeat(31)}abcde`;
const idna = (label: string) => `idna error\nidna: invalid label ${JSON.stringify(label)}`;

/** Answers of SPIRE 1.15.3 to the same names. */
const cases: readonly [name: string, message: string | undefined][] = [
  ["", "empty or only whitespace"],
  ["a", undefined],
  ["A.example", undefined],
  ["a_b", undefined],
  ["a b", undefined],
  ["1.2.3.4", undefined],
  ["abc--d", undefined],
  ["-a", idna("-a")],
  ["a-", idna("a-")],
  ["ab--c", idna("ab--c")],
  ["a..b", idna("a..b")],
  [".a", idna(".a")],
  ["a.", "domain ends with dot"],
  ["*.a", undefined],
  ["*", "wildcard must be first label"],
  ["a.*", "wildcard must be first label"],
  ["*a.b", "wildcard must be first label"],
  ["*.*.a", "too many wildcards"],
  ["*.", "empty or only whitespace"],
  ["é", "name must be ascii"],
  [label63, undefined],
  [`${label63}a`, idna(`${label63}a`)],
  [name253, undefined],
  [`${name253}f`, idna(`${name253}f`)],
  ["xn--bcher-kva.example", undefined],
  ["*.xn--bcher-kva", undefined],
  ["xn--fa-hia", undefined],
  ["xn--a", idna("xn--a")],
  ["xn--", idna("xn--")],
  ["xn--0", idna("xn--0")],
  ["xn--abc-", idna("xn--abc-")],
  ["xn--BCHER-KVA", idna("xn--BCHER-KVA")],
];

describe("checkDnsName()", () => {
  for (const [name, message] of cases) {
    it(`${message === undefined ? "accepts" : "rejects"} ${JSON.stringify(name)}`, () => {
      if (message === undefined) checkDnsName(name);
      else assert.throws(() => checkDnsName(name), { message });
    });
  }
});
