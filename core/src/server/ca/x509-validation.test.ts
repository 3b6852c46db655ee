import assert from "node:assert/strict";
import { before, describe, it } from "node:test";
import { Code, StatusError } from "@finial/sdk";
import {
  basicConstraintsExtension,
  Certificate,
  ExtendedKeyUsageOid,
  extendedKeyUsageExtension,
  type KeyUsage,
  keyUsageExtension,
  subjectAltNameExtension,
  type X509Extension,
} from "@finial/sdk/crypto";
import { parseSpiffeId } from "@finial/sdk/spiffe";
import { FakeClock, type TestCa, type TestCertificateOptions, testCa } from "@finial/sdk/testing";
import { checkX509Ca, checkX509Svid } from "./x509-validation.ts";

const now = new Date("2026-01-01T00:00:00Z");
const db = parseSpiffeId("spiffe://example.org/db");
let ca: TestCa;

before(async () => {
  ca = await testCa({ clock: new FakeClock(now) });
});

const usages = (...names: KeyUsage[]): X509Extension => keyUsageExtension(names);
const uris = (...names: string[]): X509Extension =>
  subjectAltNameExtension({ uris: names, dnsNames: [] }, false);
const later = (seconds: number): Date => new Date(now.getTime() + seconds * 1000);

interface Case {
  readonly title: string;
  readonly differs: TestCertificateOptions;
  readonly at?: Date;
  readonly why: string | undefined;
}

describe("checkX509Ca()", () => {
  const cases: readonly Case[] = [
    { title: "what SPIRE's are", differs: {}, why: undefined },
    {
      title: "one that signs, too",
      differs: { extensions: [usages("keyCertSign", "digitalSignature")] },
      why: undefined,
    },
    { title: "one without an ID", differs: { without: ["2.5.29.17"] }, why: undefined },
    { title: "one in its last second", differs: {}, at: later(24 * 3600), why: undefined },
    {
      title: "no basic constraints",
      differs: { without: ["2.5.29.19"] },
      why: "basic constraints are not valid",
    },
    {
      title: "no CA",
      differs: { extensions: [basicConstraintsExtension(false)] },
      why: "cA constraint is not set",
    },
    { title: "no key usage", differs: { without: ["2.5.29.15"] }, why: "keyCertSign key usage must be set" },
    {
      title: "one that may sign no certificates",
      differs: { extensions: [usages("cRLSign")] },
      why: "keyCertSign key usage must be set",
    },
    {
      title: "one that may do more",
      differs: { extensions: [usages("keyCertSign", "keyAgreement")] },
      why: "only keyCertSign, cRLSign, or digitalSignature key usage can be set",
    },
    {
      title: "another trust domain's",
      differs: { extensions: [uris("spiffe://elsewhere.org")] },
      why: 'expected URI SAN "spiffe://example.org" but got [spiffe://elsewhere.org]',
    },
    {
      title: "one with a path",
      differs: { extensions: [uris("spiffe://example.org/ca")] },
      why: 'expected URI SAN "spiffe://example.org" but got [spiffe://example.org/ca]',
    },
    {
      title: "one with two IDs",
      differs: { extensions: [uris("spiffe://example.org", "spiffe://example.org")] },
      why: 'expected URI SAN "spiffe://example.org" but got [spiffe://example.org spiffe://example.org]',
    },
    {
      title: "one of tomorrow",
      differs: {},
      at: later(-11),
      why: "not yet valid until 2025-12-31T23:59:50.000Z",
    },
    {
      title: "one of yesterday",
      differs: {},
      at: later(24 * 3600 + 1),
      why: "already expired as of 2026-01-02T00:00:00.000Z",
    },
  ];
  for (const { title, differs, at = now, why } of cases) {
    it(`${why === undefined ? "takes" : "refuses"} ${title}`, async () => {
      const [der = Buffer.alloc(0)] = (await ca.intermediate("x", differs)).chainDer;
      const check = (): void => checkX509Ca(Certificate.parse(der), ca.trustDomain, at);
      if (why === undefined) check();
      else assert.throws(check, new StatusError(Code.Internal, "X509_CA_INVALID", `invalid X509 CA: ${why}`));
    });
  }
});

describe("checkX509Svid()", () => {
  const { serverAuth, clientAuth } = ExtendedKeyUsageOid;
  const codeSigning = "1.3.6.1.5.5.7.3.3";
  const cases: readonly Case[] = [
    { title: "what SPIRE's are", differs: {}, why: undefined },
    { title: "one for any extended usage", differs: { without: ["2.5.29.37"] }, why: undefined },
    { title: "one in its last second", differs: {}, at: later(3600), why: undefined },
    {
      title: "no basic constraints",
      differs: { without: ["2.5.29.19"] },
      why: "basic constraints are not valid",
    },
    {
      title: "a CA",
      differs: { extensions: [basicConstraintsExtension(true)] },
      why: "cA constraint must not be set",
    },
    {
      title: "no key usage",
      differs: { without: ["2.5.29.15"] },
      why: "digitalSignature key usage must be set",
    },
    {
      title: "one that may not sign",
      differs: { extensions: [usages("keyAgreement")] },
      why: "digitalSignature key usage must be set",
    },
    {
      title: "one that may sign certificates",
      differs: { extensions: [usages("digitalSignature", "keyCertSign")] },
      why: "only digitalSignature, keyEncipherment, and keyAgreement key usage can be set",
    },
    {
      title: "one for clients alone",
      differs: { extensions: [extendedKeyUsageExtension([clientAuth])] },
      why: "missing serverAuth extended key usage",
    },
    {
      title: "one for servers alone",
      differs: { extensions: [extendedKeyUsageExtension([serverAuth])] },
      why: "missing clientAuth extended key usage",
    },
    {
      title: "one for something else",
      differs: { extensions: [extendedKeyUsageExtension([codeSigning])] },
      why: "missing both serverAuth and clientAuth extended key usage",
    },
    { title: "one without an ID", differs: { without: ["2.5.29.17"] }, why: "missing URI SAN" },
    {
      title: "another's",
      differs: { extensions: [uris("spiffe://example.org/web")] },
      why: 'expected URI SAN "spiffe://example.org/db" but got [spiffe://example.org/web]',
    },
    {
      title: "one with two IDs",
      differs: { extensions: [uris("spiffe://example.org/db", "spiffe://example.org/web")] },
      why: 'expected URI SAN "spiffe://example.org/db" but got [spiffe://example.org/db spiffe://example.org/web]',
    },
    {
      title: "one of tomorrow",
      differs: {},
      at: later(-11),
      why: "not yet valid until 2025-12-31T23:59:50.000Z",
    },
    {
      title: "one of yesterday",
      differs: {},
      at: later(3601),
      why: "already expired as of 2026-01-01T01:00:00.000Z",
    },
  ];
  for (const { title, differs, at = now, why } of cases) {
    it(`${why === undefined ? "takes" : "refuses"} ${title}`, async () => {
      const { chainDer } = await ca.x509Svid("/db", differs);
      const check = (): void => checkX509Svid(Certificate.parse(chainDer[0] ?? Buffer.alloc(0)), db, at);
      if (why === undefined) check();
      else
        assert.throws(
          check,
          new StatusError(Code.Internal, "X509_SVID_INVALID", `invalid X509-SVID: ${why}`),
        );
    });
  }
});
