import assert from "node:assert/strict";
import {
  type MintX509CAResponse,
  UpstreamAuthorityDefinition,
} from "@finial/proto/plugin/server/upstreamauthority/v1/upstreamauthority";
import type { X509Certificate } from "@finial/proto/plugin/types/x509certificate";
import { Certificate } from "../../crypto/certificate.ts";
import { createCertificateRequest } from "../../crypto/certificate-request.ts";
import { verifyChain } from "../../crypto/chain.ts";
import { generatePrivateKey } from "../../crypto/key-pair.ts";
import { PublicKey } from "../../crypto/public-key.ts";
import type { LoadedPlugin } from "../load-plugin.ts";
import { signerOf } from "../test-ca.ts";
import { configurationContract } from "./configuration.ts";
import { offered } from "./offered.ts";
import { refusalOf } from "./refusal.ts";
import { describe, it } from "./suite.ts";

export interface UpstreamAuthorityContract {
  /** A fresh, configured plugin. */
  readonly load: () => Promise<LoadedPlugin>;
  /** By default `example.org`. */
  readonly trustDomain?: string;
  /** By default the machine's time. */
  readonly now?: () => Date;
}

/** What every UpstreamAuthority must do, as tests of the running file. */
export function upstreamAuthorityContract(contract: UpstreamAuthorityContract): void {
  const { load, trustDomain = "example.org", now = () => new Date() } = contract;
  configurationContract(load);
  const requestOf = async (): Promise<{ readonly csr: Buffer; readonly publicKey: PublicKey }> => {
    const signer = signerOf(await generatePrivateKey("ec-p256"));
    const csr = await createCertificateRequest({
      ...signer,
      subject: { country: ["US"], organization: ["SPIFFE"] },
      uris: [`spiffe://${trustDomain}`],
    });
    return { csr, publicKey: signer.publicKey };
  };

  describe("the UpstreamAuthority contract", () => {
    it("mints a CA of the key and name asked for, below the roots it says", async () => {
      await using plugin = await load();
      const { csr, publicKey } = await requestOf();
      const { x509CaChain, upstreamX509Roots } = await mint(plugin, csr, 3600);
      const chain = certificatesOf(x509CaChain);
      const anchors = certificatesOf(upstreamX509Roots);
      const [ca] = chain;
      assert.ok(ca, "the chain is empty");
      assert.notEqual(anchors.length, 0, "there are no roots");
      assert.ok(ca.publicKey.equals(publicKey), "the first certificate has another key");
      assert.deepEqual(ca.subjectAltName.uris, [`spiffe://${trustDomain}`]);
      assert.ok(ca.isCa && ca.keyUsage?.has("keyCertSign"), "it is no CA");
      verifyChain({ chain, anchors, now: now() });
    });

    it("mints many at once, each of its own key", async () => {
      await using plugin = await load();
      const minted = await Promise.all(
        Array.from({ length: 3 }, async () => {
          const { csr, publicKey } = await requestOf();
          const [ca] = certificatesOf((await mint(plugin, csr, 0)).x509CaChain);
          assert.ok(ca, "the chain is empty");
          assert.ok(ca.publicKey.equals(publicKey), "the first certificate has another key");
          return ca.serialNumber;
        }),
      );
      assert.equal(new Set(minted).size, minted.length, "serial numbers come twice");
    });

    it("refuses a request that is none, or not signed by its key", async () => {
      await using plugin = await load();
      const { sign } = signerOf(await generatePrivateKey("ec-p256"));
      const publicKey = PublicKey.of(await generatePrivateKey("ec-p256"));
      const forged = await createCertificateRequest({ publicKey, sign, uris: [`spiffe://${trustDomain}`] });
      for (const csr of [Buffer.alloc(0), Buffer.from("no request"), forged])
        await refusalOf(mint(plugin, csr, 0));
    });

    it("publishes a JWT key, if it does that at all, and says it among the others", async () => {
      await using plugin = await load();
      const { pkixDer } = PublicKey.of(await generatePrivateKey("ec-p256"));
      const jwtKey = {
        keyId: "contract",
        publicKey: pkixDer,
        expiresAt: Math.floor(now().getTime() / 1000) + 3600,
      };
      const answer = await offered(
        firstOf(plugin.client(UpstreamAuthorityDefinition).publishJWTKeyAndSubscribe({ jwtKey })),
      );
      if (answer === undefined) return;
      for (const { keyId, publicKey } of answer.upstreamJwtKeys) {
        assert.notEqual(keyId, "");
        PublicKey.parse(publicKey);
      }
      const found = answer.upstreamJwtKeys.find(({ keyId }) => keyId === "contract");
      assert.ok(found?.publicKey.equals(pkixDer), "the key is not among those published");
    });

    it("says its bundle, if it offers that at all", async () => {
      await using plugin = await load();
      const answer = await offered(
        firstOf(plugin.client(UpstreamAuthorityDefinition).subscribeToLocalBundle({})),
      );
      if (answer !== undefined) assert.notEqual(certificatesOf(answer.upstreamX509Roots).length, 0);
    });
  });
}

function mint(plugin: LoadedPlugin, csr: Buffer, preferredTtl: number): Promise<MintX509CAResponse> {
  return firstOf(plugin.client(UpstreamAuthorityDefinition).mintX509CAAndSubscribe({ csr, preferredTtl }));
}

/** The first message; leaving then cancels a stream that would go on with updates, as a host's new call does. */
async function firstOf<T>(stream: AsyncIterable<T>): Promise<T> {
  for await (const message of stream) return message;
  assert.fail("the stream ended without a message");
}

function certificatesOf(certificates: readonly X509Certificate[]): Certificate[] {
  return certificates.map(({ asn1 }) => Certificate.parse(asn1));
}
