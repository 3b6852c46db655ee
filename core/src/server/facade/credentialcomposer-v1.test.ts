import assert from "node:assert/strict";
import { before, describe, it } from "node:test";
import { Code, definePlugin, type Handlers, StatusError } from "@finial/sdk";
import { generatePrivateKey, PublicKey } from "@finial/sdk/crypto";
import { CredentialComposer } from "@finial/sdk/server";
import { parseSpiffeId } from "@finial/sdk/spiffe";
import { loadPlugin } from "@finial/sdk/testing";
import type { X509CaAttributes, X509SvidAttributes } from "./credentialcomposer.ts";
import { bindCredentialComposerV1 } from "./credentialcomposer-v1.ts";

type Service = Partial<Handlers<(typeof CredentialComposer)["definition"]>>;

const id = parseSpiffeId("spiffe://example.org/db");
let publicKey: PublicKey;

before(async () => {
  publicKey = PublicKey.of(await generatePrivateKey("ec-p256"));
});

async function bound(service: Service) {
  const plugin = definePlugin({ type: CredentialComposer, name: "test", open: () => ({ service }) });
  const loaded = await loadPlugin(plugin);
  return {
    composer: bindCredentialComposerV1(loaded),
    [Symbol.asyncDispose]: () => loaded[Symbol.asyncDispose](),
  };
}

/** With everything that a name can have. */
const subject = {
  country: ["US"],
  organization: ["SPIRE"],
  organizationalUnit: ["unit"],
  locality: ["town"],
  province: ["state"],
  streetAddress: ["street"],
  postalCode: ["12345"],
  serialNumber: "7",
  commonName: "db",
  extraNames: [{ oid: "1.2.3", value: "extra" }],
};
const ca: X509CaAttributes = {
  subject,
  policyIdentifiers: ["1.2.3.4"],
  extraExtensions: [{ oid: "1.2.3.5", critical: true, value: Buffer.of(5, 0) }],
};
const svid: X509SvidAttributes = {
  subject,
  dnsNames: ["db.example.org"],
  extraExtensions: [{ oid: "1.2.3.5", critical: false, value: Buffer.of(5, 0) }],
};
const claims = { sub: id.toString(), aud: ["web"], exp: 1_767_225_600, iat: 1_767_222_000 };

describe("bindCredentialComposerV1()", () => {
  it("gives the plugin all there is, for whom, and takes what it makes of it", async () => {
    const asked: unknown[] = [];
    const echo = <T extends { readonly attributes?: unknown }>(request: T) => {
      const { attributes, ...whom } = request;
      asked.push(whom);
      return { attributes };
    };
    await using at = await bound({
      composeServerX509CA: echo,
      composeServerX509SVID: echo,
      composeAgentX509SVID: echo,
      composeWorkloadX509SVID: echo,
      composeWorkloadJWTSVID: echo,
    } as never);
    const { composer } = at;
    assert.deepEqual(await composer.composeServerX509Ca(ca), ca);
    assert.deepEqual(await composer.composeServerX509Svid(svid), svid);
    assert.deepEqual(await composer.composeAgentX509Svid(svid, id, publicKey), svid);
    assert.deepEqual(await composer.composeWorkloadX509Svid(svid, id, publicKey), svid);
    assert.deepEqual(await composer.composeWorkloadJwtSvid(claims, id), claims);
    const whom = { spiffeId: id.toString(), publicKey: publicKey.pkixDer };
    assert.deepEqual(asked, [{}, {}, whom, whom, { spiffeId: id.toString() }]);
  });

  it("changes nothing where the plugin composes nothing, or answers nothing", async () => {
    const nothing = () => ({});
    for (const service of [
      {},
      {
        composeServerX509CA: nothing,
        composeServerX509SVID: nothing,
        composeAgentX509SVID: nothing,
        composeWorkloadX509SVID: nothing,
        composeWorkloadJWTSVID: nothing,
      },
    ]) {
      await using at = await bound(service);
      const { composer } = at;
      assert.equal(await composer.composeServerX509Ca(ca), ca);
      assert.equal(await composer.composeServerX509Svid(svid), svid);
      assert.equal(await composer.composeAgentX509Svid(svid, id, publicKey), svid);
      assert.equal(await composer.composeWorkloadX509Svid(svid, id, publicKey), svid);
      assert.equal(await composer.composeWorkloadJwtSvid(claims, id), claims);
    }
  });

  it("distrusts attributes without a subject, or without claims", async () => {
    await using at = await bound({
      composeServerX509CA: () => ({ attributes: {} }),
      composeWorkloadX509SVID: () => ({ attributes: {} }),
      composeWorkloadJWTSVID: () => ({ attributes: {} }),
    });
    const { composer } = at;
    const answers = [
      [
        composer.composeServerX509Ca(ca),
        "plugin returned invalid X509 CA attributes: subject: cannot be empty",
      ],
      [
        composer.composeWorkloadX509Svid(svid, id, publicKey),
        "plugin returned invalid X509 SVID attributes: subject: cannot be empty",
      ],
      [
        composer.composeWorkloadJwtSvid(claims, id),
        "plugin returned invalid workload JWT-SVID attributes: claims: cannot be empty",
      ],
    ] as const;
    for (const [answer, message] of answers)
      await assert.rejects(answer, (error) => {
        const status = StatusError.from(error);
        assert.deepEqual(
          [status.code, status.message],
          [Code.Internal, `credentialcomposer(test): ${message}`],
        );
        return true;
      });
  });

  it("passes on what the plugin says, by its name: nothing is issued then", async () => {
    await using at = await bound({
      composeServerX509CA: () => {
        throw new StatusError(Code.FailedPrecondition, "NO", "not on Sundays");
      },
    });
    await assert.rejects(at.composer.composeServerX509Ca(ca), {
      code: Code.FailedPrecondition,
      message: "credentialcomposer(test): not on Sundays",
    });
  });
});
