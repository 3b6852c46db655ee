import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { Code } from "@finial/sdk";
import { Certificate, PublicKey } from "@finial/sdk/crypto";
import { captureLog, testCa } from "@finial/sdk/testing";
import { checkClientIp } from "./client-ip.ts";
import { ecKey } from "./testing/test-agent.ts";

/** A certificate of these addresses. */
async function certificateOf(...addresses: readonly (readonly number[])[]): Promise<Certificate> {
  const names = Buffer.concat(addresses.map((octets) => Buffer.from([0x87, octets.length, ...octets])));
  const value = Buffer.concat([Buffer.of(0x30, names.length), names]);
  const extension = { oid: "2.5.29.17", critical: false, value };
  return Certificate.parse(
    await (await testCa()).certify(PublicKey.of(ecKey()), { extensions: [extension] }),
  );
}

const calling = (...ips: readonly string[]) => ({
  get: (name: string) => (name === "x-forwarded-client-ip" ? ips : []),
});

describe("checkClientIp()", () => {
  it("lets in who calls from an address of the certificate, however it is written", async () => {
    const loopback = [...Array(15).fill(0), 1];
    const certificate = await certificateOf([10, 0, 0, 1], loopback, [
      ...Array(10).fill(0),
      255,
      255,
      10,
      0,
      0,
      2,
    ]);
    for (const ip of ["10.0.0.1", "::ffff:10.0.0.1", "::ffff:a00:1", "::1", "0:0:0:0:0:0:0:1", "10.0.0.2"])
      checkClientIp(certificate, calling(ip), captureLog());
  });

  it("refuses who calls from elsewhere", async () => {
    const certificate = await certificateOf([10, 0, 0, 1]);
    for (const ip of ["10.0.0.2", "::1", "::10.0.0.1"])
      assert.throws(() => checkClientIp(certificate, calling(ip), captureLog()), {
        code: Code.PermissionDenied,
        message: `client IP ${ip === "::10.0.0.1" ? "::a00:1" : ip} does not match any certificate IP SAN`,
      });
  });

  it("refuses everybody when the host does not say, or says nonsense", async () => {
    const certificate = await certificateOf([10, 0, 0, 1]);
    for (const [ips, message] of [
      [[], "client IP not available for verification"],
      [[""], "client IP not available for verification"],
      [["10.0.0.1:80"], 'invalid client IP "10.0.0.1:80"'],
      [["fe80::1%eth0"], 'invalid client IP "fe80::1%eth0"'],
    ] as const)
      assert.throws(() => checkClientIp(certificate, calling(...ips), captureLog()), {
        code: Code.Internal,
        message,
      });
  });

  it("goes by the first of several, and says so", async () => {
    const certificate = await certificateOf([10, 0, 0, 1]);
    const logger = captureLog();
    checkClientIp(certificate, calling("10.0.0.1", "10.0.0.9"), logger);
    assert.equal(logger.lines[0]?.message, "Multiple client IP values found in metadata, using first value");
    assert.throws(() => checkClientIp(certificate, calling("10.0.0.9", "10.0.0.1"), logger));
  });
});
