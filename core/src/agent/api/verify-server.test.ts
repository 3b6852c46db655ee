import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { Code } from "@finial/sdk";
import { ExtendedKeyUsageOid, extendedKeyUsageExtension, subjectAltNameExtension } from "@finial/sdk/crypto";
import { captureLog, FakeClock, testCa } from "@finial/sdk/testing";
import { checkServerName, serverIdOf, verifyServer } from "./verify-server.ts";

const clock = new FakeClock();
const ca = await testCa({ clock });
const impostor = await testCa({ clock });
const svid = await ca.x509Svid("/spire/server");
const { trustDomain } = ca;

describe("verifyServer()", () => {
  it("takes the server's chain", () => {
    verifyServer(svid.chainDer, { bundle: ca.bundle, clock });
    assert.equal(serverIdOf(trustDomain).toString(), "spiffe://example.org/spire/server");
  });

  it("takes a chain below a tainted authority: who signed before has not lost its right yet", () => {
    const x509Authorities = ca.bundle.x509Authorities.map((authority) => ({ ...authority, tainted: true }));
    verifyServer(svid.chainDer, { bundle: { ...ca.bundle, x509Authorities }, clock });
  });

  const refused = [
    { title: "no certificate", make: async () => [], reason: "X509_SVID_EMPTY" },
    {
      title: "what is no certificate",
      make: async () => [Buffer.from("x")],
      reason: "CERTIFICATE_MALFORMED",
    },
    {
      title: "a certificate that is for clients only",
      make: async () =>
        (
          await ca.x509Svid("/spire/server", {
            extensions: [extendedKeyUsageExtension([ExtendedKeyUsageOid.clientAuth])],
          })
        ).chainDer,
      reason: "CHAIN_USAGE",
    },
    { title: "another's chain", make: async () => (await ca.x509Svid("/db")).chainDer, reason: "SERVER_ID" },
  ];
  for (const { title, make, reason } of refused)
    it(`refuses ${title}`, async () => {
      const chainDer = await make();
      assert.throws(() => verifyServer(chainDer, { bundle: ca.bundle, clock }), { reason });
    });

  it("trusts nobody by an empty bundle", () => {
    const bundle = { ...ca.bundle, x509Authorities: [] };
    assert.throws(() => verifyServer(svid.chainDer, { bundle, clock }), {
      reason: "CHAIN_UNKNOWN_AUTHORITY",
    });
  });
});

describe("checkServerName()", () => {
  it("warns each time, and takes anybody who calls itself the server", async () => {
    const logger = captureLog();
    const { chainDer } = await impostor.x509Svid("/spire/server", { ttlSeconds: -1 });
    checkServerName(chainDer, { trustDomain, logger });
    assert.deepEqual(logger.lines, [
      {
        level: "warn",
        message: "Insecure bootstrap enabled; skipping server certificate verification",
        fields: {},
      },
    ]);
  });

  const refused = [
    { title: "nobody", make: async () => [], message: "server chain is unexpectedly empty" },
    {
      title: "another's ID",
      make: async () => (await ca.x509Svid("/db")).chainDer,
      message: 'expected server SPIFFE ID "spiffe://example.org/spire/server"; got "spiffe://example.org/db"',
    },
    {
      title: "two IDs",
      make: async () =>
        (
          await ca.x509Svid("/x", {
            extensions: [
              subjectAltNameExtension(
                { uris: ["spiffe://example.org/spire/server", "spiffe://a/b"], dnsNames: [] },
                false,
              ),
            ],
          })
        ).chainDer,
      message:
        'expected server SPIFFE ID "spiffe://example.org/spire/server"; got "spiffe://example.org/spire/server, spiffe://a/b"',
    },
  ];
  for (const { title, make, message } of refused)
    it(`refuses ${title}`, async () => {
      const chainDer = await make();
      assert.throws(() => checkServerName(chainDer, { trustDomain, logger: captureLog() }), {
        code: Code.PermissionDenied,
        message,
      });
    });
});
