import assert from "node:assert/strict";
import { describe, it } from "node:test";
import fc from "fast-check";
import { StatusError } from "../status/status-error.ts";
import { element, oid, sequence, setOf } from "./der-writer.ts";
import { type DistinguishedName, encodeName, formatName, parseName } from "./distinguished-name.ts";

const full: DistinguishedName = {
  country: ["US"],
  organization: ["SPIRE", "Example, Inc."],
  organizationalUnit: ["#ops", " padded "],
  locality: ['"quoted"'],
  province: ["a+b"],
  streetAddress: ["back\\slash"],
  postalCode: ["<1;2>"],
  commonName: "Müller",
  serialNumber: "7",
  extraNames: [{ oid: "1.2.3.4", value: "x" }],
};

describe("encodeName()", () => {
  it("writes what parseName() reads", () => {
    assert.deepEqual(encodeName({}), Buffer.of(0x30, 0));
    // A SET OF has an order of its own.
    const ordered = { ...full, organizationalUnit: ["#ops", " padded "] };
    assert.deepEqual(parseName(encodeName(full)), ordered);
    const text = fc.string({ unit: "grapheme", minLength: 1 });
    const one = text.map((value): readonly string[] => [value]);
    const name = fc.record(
      { country: one, organization: one, locality: one, commonName: text, serialNumber: text },
      { requiredKeys: [], noNullPrototype: true },
    );
    fc.assert(
      fc.property(name, (name) => {
        assert.deepEqual(parseName(encodeName(name)), name);
      }),
    );
  });

  it("writes attributes in Go's order, each once, as PrintableString where that will do", () => {
    const name = { commonName: "a", organization: ["B"], country: ["US"] };
    const attribute = (dotted: string, tag: number, text: string): Buffer =>
      setOf(sequence(oid(dotted), element(tag, Buffer.from(text))));
    assert.deepEqual(
      encodeName(name),
      sequence(
        attribute("2.5.4.6", 0x13, "US"),
        attribute("2.5.4.10", 0x13, "B"),
        attribute("2.5.4.3", 0x13, "a"),
      ),
    );
    for (const text of ["a*b", "a&b", "a@b", "a_b", "ä"])
      assert.deepEqual(encodeName({ commonName: text }), sequence(attribute("2.5.4.3", 0x0c, text)));
    // What an extra name says takes the place of the field.
    assert.deepEqual(
      encodeName({ commonName: "a", extraNames: [{ oid: "2.5.4.3", value: "b" }] }),
      sequence(attribute("2.5.4.3", 0x13, "b")),
    );
  });
});

describe("parseName()", () => {
  const nameOf = (tag: number, content: Buffer): Buffer =>
    sequence(setOf(sequence(oid("2.5.4.3"), element(tag, content))));

  it("reads the string types of old", () => {
    const cases: [number, Buffer, string][] = [
      [0x0c, Buffer.from("ä"), "ä"],
      [0x13, Buffer.from("a"), "a"],
      [0x14, Buffer.of(0xe4), "ä"],
      [0x16, Buffer.from("a@b"), "a@b"],
      [0x1e, Buffer.of(0x20, 0xac), "€"],
    ];
    for (const [tag, content, commonName] of cases)
      assert.deepEqual(parseName(nameOf(tag, content)), { commonName });
  });

  it("refuses what is none", () => {
    const cases: [Buffer, string][] = [
      [Buffer.alloc(0), "it ends too soon"],
      [sequence(setOf()), "an empty set in a name"],
      [nameOf(0x1e, Buffer.of(0x20)), "a name of half characters"],
      [nameOf(0x0c, Buffer.of(0xff)), "a name that is not UTF-8"],
      [Buffer.concat([sequence(), Buffer.of(0)]), "something follows where nothing may"],
      [sequence(setOf(sequence(oid("2.5.4.3")))), "it ends too soon"],
    ];
    for (const [der, message] of cases)
      assert.throws(() => parseName(der), { code: 3, reason: "DER_MALFORMED", message });
  });

  it("takes no longer for many attributes than for their length", () => {
    const many = 100_000;
    const attribute = (dotted: string): Buffer =>
      element(0x31, sequence(oid(dotted), element(0x13, Buffer.from("x"))));
    const started = performance.now();
    const body = Buffer.concat(
      Array.from({ length: many }, (_, index) => attribute(index % 2 === 0 ? "2.5.4.11" : "1.2.3")),
    );
    const name = parseName(sequence(body));
    assert.deepEqual([name.organizationalUnit?.length, name.extraNames?.length], [many / 2, many / 2]);
    assert.ok(performance.now() - started < 5000);
  });

  it("takes or refuses any bytes", () => {
    const der = encodeName(full);
    fc.assert(
      fc.property(fc.nat(der.length - 1), fc.nat(255), (index, octet) => {
        const changed = Buffer.from(der);
        changed[index] = octet;
        try {
          formatName(parseName(changed));
        } catch (error) {
          assert.ok(error instanceof StatusError, String(error));
        }
      }),
      { numRuns: 500 },
    );
  });
});

describe("formatName()", () => {
  it("says names as Go does", () => {
    const cases: [DistinguishedName, string][] = [
      [{}, ""],
      [{ country: ["US"], organization: ["SPIRE"] }, "O=SPIRE,C=US"],
      [
        full,
        'SERIALNUMBER=7,CN=Müller,OU=\\#ops+OU=\\ padded\\ ,O=SPIRE+O=Example\\, Inc.,POSTALCODE=\\<1\\;2\\>,STREET=back\\\\slash,L=\\"quoted\\",ST=a\\+b,C=US,1.2.3.4=#130178',
      ],
    ];
    for (const [name, text] of cases) assert.equal(formatName(name), text);
  });
});
