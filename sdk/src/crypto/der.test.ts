import assert from "node:assert/strict";
import { describe, it } from "node:test";
import fc from "fast-check";
import { StatusError } from "../status/status-error.ts";
import {
  contextTag,
  DerReader,
  readBitString,
  readBoolean,
  readInteger,
  readOid,
  readTime,
  readWhole,
  Tag,
} from "./der.ts";
import {
  bitString,
  boolean,
  element,
  namedBits,
  octetString,
  oid,
  sequence,
  setOf,
  smallInteger,
  time,
  unsignedInteger,
} from "./der-writer.ts";

function hex(text: string): Buffer {
  return Buffer.from(text.replaceAll(" ", ""), "hex");
}

function refusal(read: () => unknown): string | undefined {
  try {
    read();
  } catch (error) {
    assert.ok(error instanceof StatusError, String(error));
    assert.deepEqual([error.code, error.reason], [3, "DER_MALFORMED"]);
    return error.message;
  }
  return undefined;
}

describe("DerReader", () => {
  it("reads elements one after the other", () => {
    const reader = new DerReader(hex("0101ff 3003 020105 a000"));
    assert.equal(reader.nextTag, Tag.Boolean);
    assert.equal(reader.readOptional(Tag.Integer), undefined);
    const { tag, content, raw } = reader.read(Tag.Boolean);
    assert.deepEqual([tag, content, raw], [1, hex("ff"), hex("0101ff")]);
    const inner = reader.enter(Tag.Sequence);
    assert.deepEqual(inner.readOptional(Tag.Integer)?.content, hex("05"));
    inner.end();
    assert.deepEqual(reader.read(contextTag(0)).content, hex(""));
    assert.ok(reader.atEnd);
    assert.equal(reader.nextTag, -1);
  });

  it("takes long lengths in their shortest form", () => {
    for (const length of [0, 1, 127, 128, 255, 256, 65_535, 65_536, 16_777_216]) {
      const bytes = octetString(Buffer.alloc(length));
      assert.equal(new DerReader(bytes).read(Tag.OctetString).content.length, length);
    }
  });

  it("refuses what is BER and not DER, or nothing at all", () => {
    const cases: [string, string][] = [
      ["", "it ends too soon"],
      ["04", "it ends too soon"],
      ["0402ff", "an element reaches beyond its end"],
      ["0482", "it ends too soon"],
      ["048201", "it ends too soon"],
      // Indefinite, with its end.
      ["2480 0401ff 0000", "a length that DER does not allow"],
      ["0480", "a length that DER does not allow"],
      // Longer than need be.
      ["048100", "a length that is not the shortest"],
      ["04817f", "a length that is not the shortest"],
      ["0482007f", "a length that is not the shortest"],
      ["048200ff", "a length that is not the shortest"],
      ["0484000000ff", "a length that is not the shortest"],
      ["0485 0000000001 ff", "a length that DER does not allow"],
      ["04ff", "a length that DER does not allow"],
      ["0484ffffffff", "an element reaches beyond its end"],
      // Tags beyond 30.
      ["1f2000", "a tag of more than one octet"],
      ["bf8101 00", "a tag of more than one octet"],
    ];
    for (const [bytes, message] of cases)
      assert.equal(
        refusal(() => new DerReader(hex(bytes)).read()),
        message,
        bytes,
      );
    assert.equal(
      refusal(() => new DerReader(hex("0400")).read(Tag.Sequence)),
      "expected tag 0x30, found 0x4",
    );
  });

  it("refuses what follows the whole", () => {
    assert.equal(
      refusal(() => readWhole(hex("3000 00"), Tag.Sequence)),
      "something follows where nothing may",
    );
  });

  it("reads any bytes as what prints as those bytes, or refuses them", () => {
    const bytes = fc.oneof(
      fc.uint8Array({ maxLength: 40 }),
      fc
        .array(fc.constantFrom(0x30, 0x80, 0x81, 0x82, 0x00, 0x01, 0x02, 0x7f, 0xff))
        .map((list) => Uint8Array.from(list)),
    );
    fc.assert(
      fc.property(bytes, (bytes) => {
        const reader = new DerReader(Buffer.from(bytes));
        refusal(() => {
          const { tag, content, raw } = reader.read();
          assert.deepEqual(element(tag, content), raw);
        });
      }),
      { numRuns: 1000 },
    );
  });
});

describe("readInteger()", () => {
  it("reads the shortest form of any size and sign, and no other", () => {
    const cases: [string, bigint][] = [
      ["00", 0n],
      ["7f", 127n],
      ["0080", 128n],
      ["80", -128n],
      ["ff", -1n],
      ["ff7f", -129n],
      ["7fffffffffffffffff", 0x7fffffffffffffffffn],
    ];
    for (const [bytes, value] of cases) assert.equal(readInteger(hex(bytes)), value, bytes);
    assert.equal(
      refusal(() => readInteger(hex(""))),
      "an empty integer",
    );
    for (const bytes of ["0000", "007f", "ffff", "ff80"])
      assert.equal(
        refusal(() => readInteger(hex(bytes))),
        "an integer that is not the shortest",
      );
  });

  it("reads what unsignedInteger() writes", () => {
    fc.assert(
      fc.property(fc.bigInt({ min: 0n, max: 1n << 200n }), fc.nat(4), (value, zeros) => {
        const digits = value.toString(16);
        const magnitude = hex("00".repeat(zeros) + (digits.length % 2 === 0 ? digits : `0${digits}`));
        const written = new DerReader(unsignedInteger(magnitude)).read(Tag.Integer).content;
        assert.equal(readInteger(written), value);
      }),
    );
    assert.deepEqual(unsignedInteger(hex("")), hex("020100"));
    assert.deepEqual(smallInteger(256), hex("02020100"));
  });
});

describe("readOid()", () => {
  it("reads what oid() writes", () => {
    const cases: [string, string][] = [
      ["2.5.29.17", "551d11"],
      ["1.2.840.113549.1.1.11", "2a864886f70d01010b"],
      ["0.39", "27"],
      ["2.999.3", "883703"],
      ["2.40", "78"],
    ];
    for (const [dotted, bytes] of cases) {
      assert.equal(readOid(hex(bytes)), dotted);
      assert.deepEqual(oid(dotted), element(Tag.Oid, hex(bytes)));
    }
    const arcs = fc.array(fc.nat(), { maxLength: 10 });
    fc.assert(
      fc.property(fc.nat(2), fc.nat(39), arcs, (first, second, rest) => {
        const dotted = [first, second, ...rest].join(".");
        assert.equal(readOid(new DerReader(oid(dotted)).read(Tag.Oid).content), dotted);
      }),
    );
  });

  it("refuses what is none", () => {
    const cases: [string, string][] = [
      ["", "an empty object identifier"],
      ["5580", "an object identifier that is not the shortest"],
      ["558001", "an object identifier that is not the shortest"],
      ["5581", "an object identifier that ends too soon"],
      [`55${"ff".repeat(9)}7f`, "an object identifier beyond reason"],
    ];
    for (const [bytes, message] of cases)
      assert.equal(
        refusal(() => readOid(hex(bytes))),
        message,
        bytes,
      );
  });
});

describe("readBoolean() and readBitString()", () => {
  it("take the two booleans that DER knows, and whole octets", () => {
    assert.deepEqual([readBoolean(hex("ff")), readBoolean(hex("00"))], [true, false]);
    for (const bytes of ["", "01", "ff00"])
      assert.equal(
        refusal(() => readBoolean(hex(bytes))),
        "a boolean that is neither",
      );
    assert.deepEqual(readBitString(hex("00ab")), hex("ab"));
    for (const bytes of ["", "01ab", "08"])
      assert.equal(
        refusal(() => readBitString(hex(bytes))),
        "a bit string that is not whole octets",
      );
  });
});

describe("readTime()", () => {
  const read = (tag: number, text: string): Date =>
    readTime(new DerReader(element(tag, Buffer.from(text))).read());

  it("reads both forms, in their centuries", () => {
    const cases: [number, string, string][] = [
      [Tag.UtcTime, "491231235959Z", "2049-12-31T23:59:59.000Z"],
      [Tag.UtcTime, "500101000000Z", "1950-01-01T00:00:00.000Z"],
      [Tag.GeneralizedTime, "20500101000000Z", "2050-01-01T00:00:00.000Z"],
      [Tag.GeneralizedTime, "99991231235959Z", "9999-12-31T23:59:59.000Z"],
      [Tag.GeneralizedTime, "00010101000000Z", "0001-01-01T00:00:00.000Z"],
      [Tag.UtcTime, "240229120000Z", "2024-02-29T12:00:00.000Z"],
    ];
    for (const [tag, text, iso] of cases) assert.equal(read(tag, text).toISOString(), iso);
  });

  it("refuses zones, fractions, missing seconds and days that never were", () => {
    const allowed: [number, string][] = [
      [Tag.UtcTime, "240101000000+0100"],
      [Tag.UtcTime, "2401010000Z"],
      [Tag.UtcTime, "20240101000000Z"],
      [Tag.GeneralizedTime, "20240101000000.5Z"],
      [Tag.GeneralizedTime, "20240101000000"],
      [Tag.GeneralizedTime, "240101000000Z"],
      [Tag.OctetString, "240101000000Z"],
      [Tag.UtcTime, ""],
    ];
    for (const [tag, text] of allowed)
      assert.equal(
        refusal(() => read(tag, text)),
        "a time that X.509 does not allow",
        text,
      );
    for (const text of [
      "230229000000Z",
      "241301000000Z",
      "240100000000Z",
      "240101240000Z",
      "240101006000Z",
      "240101000060Z",
    ])
      assert.equal(
        refusal(() => read(Tag.UtcTime, text)),
        "a time that does not exist",
        text,
      );
  });

  it("reads what time() writes, and time() writes no year that has not four digits", () => {
    const min = new Date("0000-01-01T00:00:00Z");
    const max = new Date("9999-12-31T23:59:59Z");
    fc.assert(
      fc.property(fc.date({ min, max, noInvalidDate: true }), (date) => {
        const seconds = new Date(Math.floor(date.getTime() / 1000) * 1000);
        assert.deepEqual(readTime(new DerReader(time(seconds)).read()), seconds);
      }),
    );
    assert.equal(time(new Date("1949-12-31T23:59:59Z"))[0], Tag.GeneralizedTime);
    assert.equal(time(new Date("2049-12-31T23:59:59Z"))[0], Tag.UtcTime);
    assert.throws(() => time(new Date("+010000-01-01T00:00:00Z")), TypeError);
    assert.throws(() => time(new Date(Number.NaN)), TypeError);
  });
});

describe("the DER writer", () => {
  it("writes sets in order, and named bits without what is not set", () => {
    assert.deepEqual(setOf(hex("0402"), hex("020101"), hex("0401")), hex("3107 020101 0401 0402"));
    assert.deepEqual(namedBits([0]), hex("03020780"));
    assert.deepEqual(namedBits([5, 6]), hex("03020106"));
    assert.deepEqual(namedBits([0, 8]), hex("0303078080"));
    assert.deepEqual(namedBits([]), hex("030100"));
    assert.deepEqual(
      sequence(boolean(true), boolean(false), bitString(hex("ff"))),
      hex("300a 0101ff 010100 030200ff"),
    );
  });
});
