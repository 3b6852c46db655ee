import assert from "node:assert/strict";
import { describe, it } from "node:test";
import fc from "fast-check";
import { StatusError } from "../status/status-error.ts";
import { parseCertificatesPem, parsePem, toPem } from "./pem.ts";

const abc = "-----BEGIN CERTIFICATE-----\nYWJj\n-----END CERTIFICATE-----\n";

describe("parsePem()", () => {
  it("reads what toPem() writes, in order, whatever stands between", () => {
    const blocks = fc.array(
      fc.tuple(fc.constantFrom("CERTIFICATE", "PRIVATE KEY", "X509 CRL"), fc.uint8Array({ maxLength: 200 })),
    );
    fc.assert(
      fc.property(blocks, fc.constantFrom("", "\n", "subject=CN = db\n", "# -----\n"), (blocks, between) => {
        const text = blocks.map(([label, der]) => between + toPem(label, der)).join("");
        assert.deepEqual(
          parsePem(text),
          blocks.map(([label, der]) => ({ label, der: Buffer.from(der) })),
        );
      }),
    );
  });

  it("takes other line ends and lines of any length", () => {
    for (const text of [abc.replaceAll("\n", "\r\n"), abc.replace("YWJj", "YW\n Jj \n"), abc.trimEnd()])
      assert.deepEqual(parsePem(text), [{ label: "CERTIFICATE", der: Buffer.from("abc") }]);
    assert.equal(toPem("CERTIFICATE", Buffer.from("abc")), abc);
    assert.match(
      toPem("X", Buffer.alloc(50)),
      /^-----BEGIN X-----\n[A-Z]{64}\nA{2}[A=]{2}\n-----END X-----\n$/,
    );
  });

  it("takes a block of megabytes", () => {
    const der = Buffer.alloc(20_000_000, 1);
    assert.ok(parsePem(toPem("BIG", der))[0]?.der.equals(der));
  });

  it("refuses blocks that do not end or are not base64", () => {
    const cases: [string, string][] = [
      [abc.replace("-----END CERTIFICATE-----", ""), "the PEM block CERTIFICATE has no end"],
      [abc.replace("END CERTIFICATE", "END PRIVATE KEY"), "the PEM block CERTIFICATE has no end"],
      [abc.replace("YWJj", "YWJ"), "the PEM block CERTIFICATE is not base64"],
      [abc.replace("YWJj", "YW=j"), "the PEM block CERTIFICATE is not base64"],
      [abc.replace("YWJj", "YWJj="), "the PEM block CERTIFICATE is not base64"],
      [abc.replace("YWJj", "YW_j"), "the PEM block CERTIFICATE is not base64"],
      [abc.replace("YWJj", "Proc-Type: 4,ENCRYPTED\n\nYWJj"), "the PEM block CERTIFICATE is not base64"],
      [`-----BEGIN CERTIFICATE-----\n${abc}`, "the PEM block CERTIFICATE is not base64"],
    ];
    for (const [text, message] of cases)
      assert.throws(() => parsePem(text), { code: 3, reason: "PEM_MALFORMED", message });
  });

  it("takes or refuses any text", () => {
    const text = fc
      .array(fc.constantFrom("-----BEGIN ", "-----END ", "A", "-----", "\n", "YWJj", "=", " "))
      .map((p) => p.join(""));
    fc.assert(
      fc.property(fc.oneof(text, fc.string({ unit: "binary" })), (text) => {
        try {
          parsePem(text);
        } catch (error) {
          assert.ok(error instanceof StatusError, String(error));
        }
      }),
    );
  });
});

describe("parseCertificatesPem()", () => {
  it("takes certificates only, and one at least", () => {
    assert.deepEqual(parseCertificatesPem(abc + abc), [Buffer.from("abc"), Buffer.from("abc")]);
    assert.throws(() => parseCertificatesPem("nothing"), {
      reason: "PEM_MALFORMED",
      message: "no PEM blocks",
    });
    assert.throws(() => parseCertificatesPem(abc + toPem("PRIVATE KEY", Buffer.from("abc"))), {
      reason: "PEM_MALFORMED",
      message: "expected a CERTIFICATE block, found PRIVATE KEY",
    });
  });
});
