import assert from "node:assert/strict";
import { before, describe, it } from "node:test";
import { Code, StatusError } from "@finial/sdk";
import {
  Certificate,
  keyUsageExtension,
  subjectAltNameExtension,
  type X509Extension,
} from "@finial/sdk/crypto";
import { FakeClock, type TestCa, testCa } from "@finial/sdk/testing";
import { managedKey } from "../facade/fake-keymanager.ts";
import { checkUpstreamCa } from "./check-upstream-ca.ts";
import { fakeSurroundings } from "./fake-authorities.ts";

const clock = new FakeClock();
let root: TestCa;

before(async () => {
  root = await testCa({ clock });
});

/** CA:TRUE, path length 0. @see RFC 5280, section 4.2.1.9 */
const noCaBelow: X509Extension = {
  oid: "2.5.29.19",
  critical: true,
  value: Buffer.from("30060101ff020100", "hex"),
};

const chainOf = (ca: TestCa): readonly Certificate[] => ca.chainDer.map((der) => Certificate.parse(der));

describe("checkUpstreamCa()", () => {
  it("takes a CA for our key below the upstream's root, and one that may have no CA below it", async () => {
    for (const options of [{}, { extensions: [noCaBelow] }]) {
      const ca = await (await root.intermediate("between")).intermediate("ours", options);
      const chain = chainOf(ca);
      const key = managedKey("x509-CA-A", ca.privateKey);
      const minted = { chain, roots: root.bundle.x509Authorities };
      assert.equal(await checkUpstreamCa(minted, key, fakeSurroundings(root, clock)), chain[0]);
    }
  });

  const produced = "X509 CA produced an invalid X509-SVID chain: ";
  const bad: readonly [
    title: string,
    make: () => Promise<{
      readonly ca: TestCa;
      readonly roots?: TestCa;
      readonly chain?: readonly Certificate[];
    }>,
    why: RegExp,
  ][] = [
    ["nothing", async () => ({ ca: root, chain: [] }), /^empty chain$/],
    [
      "a CA for another key",
      async () => {
        const [ours, theirs] = [await root.intermediate("ours"), await root.intermediate("theirs")];
        return { ca: ours, chain: chainOf(theirs) };
      },
      /^certificate public key does not match CSR$/,
    ],
    [
      "one of another trust domain",
      async () => {
        const names = subjectAltNameExtension({ uris: ["spiffe://elsewhere.org"], dnsNames: [] }, false);
        return { ca: await root.intermediate("ours", { extensions: [names] }) };
      },
      /^invalid X509 CA: expected URI SAN "spiffe:\/\/example.org" but got \[spiffe:\/\/elsewhere.org\]$/,
    ],
    [
      "one that may not sign certificates",
      async () => ({
        ca: await root.intermediate("ours", { extensions: [keyUsageExtension(["digitalSignature"])] }),
      }),
      /^invalid X509 CA: keyCertSign key usage must be set$/,
    ],
    [
      "one that expired",
      async () => ({ ca: await root.intermediate("ours", { ttlSeconds: -60 }) }),
      /^invalid X509 CA: already expired as of /,
    ],
    [
      "one that is below none of the roots",
      async () => ({ ca: await root.intermediate("ours"), roots: await testCa({ clock }) }),
      new RegExp(`^${produced}`),
    ],
    [
      "one below a CA that may have none below it",
      async () => ({
        ca: await (await root.intermediate("between", { extensions: [noCaBelow] })).intermediate("ours"),
      }),
      new RegExp(`^${produced}`),
    ],
    [
      "one whose chain lacks what is between it and the root",
      async () => {
        const ca = await (await root.intermediate("between")).intermediate("ours");
        return { ca, chain: chainOf(ca).slice(0, 1) };
      },
      new RegExp(`^${produced}`),
    ],
  ];
  for (const [title, make, why] of bad) {
    it(`refuses ${title}`, async () => {
      const { ca, roots = root, chain = chainOf(ca) } = await make();
      const key = managedKey("x509-CA-A", ca.privateKey);
      const minted = { chain, roots: roots.bundle.x509Authorities };
      await assert.rejects(checkUpstreamCa(minted, key, fakeSurroundings(root, clock)), (error) => {
        const { code, reason, message } = StatusError.from(error);
        const prefix = "X509 CA minted by upstream authority is invalid: ";
        assert.deepEqual(
          [code, reason, message.slice(0, prefix.length)],
          [Code.InvalidArgument, "X509_CA_INVALID", prefix],
        );
        assert.match(message.slice(prefix.length), why);
        return true;
      });
    });
  }

  it("passes on what the key manager says", async () => {
    const ca = await root.intermediate("ours");
    const away = new StatusError(Code.Unavailable, "AWAY", "keymanager(fake): away");
    const key = managedKey("x509-CA-A", ca.privateKey, () => {
      throw away;
    });
    const minted = { chain: chainOf(ca), roots: root.bundle.x509Authorities };
    await assert.rejects(checkUpstreamCa(minted, key, fakeSurroundings(root, clock)), away);
  });

  it("signs nothing that could pass for anybody's: its sample is for the CA's own key", async () => {
    const ca = await root.intermediate("ours");
    const signed: Buffer[] = [];
    const key = managedKey("x509-CA-A", ca.privateKey);
    const listening = {
      ...key,
      sign: async (message: Buffer, hash: "SHA256" | "SHA384" | "SHA512") => {
        signed.push(message);
        return await key.sign(message, hash);
      },
    };
    const minted = { chain: chainOf(ca), roots: root.bundle.x509Authorities };
    await checkUpstreamCa(minted, listening, fakeSurroundings(root, clock));
    assert.equal(signed.length, 1);
    assert.ok(signed[0]?.includes(key.publicKey.pkixDer));
    assert.ok(signed[0]?.includes("spiffe://example.org/spire/throwaway"));
  });
});
