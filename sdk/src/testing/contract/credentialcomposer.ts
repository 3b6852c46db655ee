import assert from "node:assert/strict";
import {
  CredentialComposerDefinition,
  type X509CAAttributes,
  type X509SVIDAttributes,
} from "@finial/proto/plugin/server/credentialcomposer/v1/credentialcomposer";
import { generatePrivateKey } from "../../crypto/key-pair.ts";
import { PublicKey } from "../../crypto/public-key.ts";
import type { LoadedPlugin } from "../load-plugin.ts";
import { configurationContract } from "./configuration.ts";
import { offered } from "./offered.ts";
import { refusalOf } from "./refusal.ts";
import { describe, it } from "./suite.ts";

export interface CredentialComposerContract {
  /** A fresh, configured plugin. */
  readonly load: () => Promise<LoadedPlugin>;
}

const subject = { country: ["US"], organization: ["SPIRE"] };
const claims = { sub: "spiffe://example.org/db", aud: ["test"], exp: 4_102_444_800, iat: 1 };
/** Those that say whose token it is, for whom and until when: they are not a composer's to change. */
const fixedClaims = ["sub", "aud", "exp"] as const;

/** What every CredentialComposer must do, as tests of the running file. */
export function credentialComposerContract({ load }: CredentialComposerContract): void {
  configurationContract(load);
  const x509Calls = async (plugin: LoadedPlugin) => {
    const client = plugin.client(CredentialComposerDefinition);
    const publicKey = PublicKey.of(await generatePrivateKey("ec-p256")).pkixDer;
    const workload = { spiffeId: "spiffe://example.org/db", publicKey };
    const agent = { spiffeId: "spiffe://example.org/spire/agent/x509pop/1", publicKey };
    return [
      () => client.composeServerX509CA({ attributes: { subject } }),
      () => client.composeServerX509SVID({ attributes: { subject } }),
      () => client.composeAgentX509SVID({ ...agent, attributes: { subject } }),
      () =>
        client.composeWorkloadX509SVID({ ...workload, attributes: { subject, dnsSans: ["db.example.org"] } }),
    ] as const;
  };

  describe("the CredentialComposer contract", () => {
    it("answers with attributes of which a certificate can be made, or with none", async () => {
      await using plugin = await load();
      for (const compose of await x509Calls(plugin)) {
        const answer = await offered<{
          readonly attributes: X509CAAttributes | X509SVIDAttributes | undefined;
        }>(compose());
        if (answer?.attributes === undefined) continue;
        assert.notEqual(answer.attributes.subject, undefined, "the subject is missing");
        for (const { oid } of answer.attributes.extraExtensions) assert.match(oid, /^[0-2](\.\d+)+$/);
        const dnsNames = "dnsSans" in answer.attributes ? answer.attributes.dnsSans : [];
        for (const name of dnsNames) assert.match(name, /^(\*\.)?[\w-]+(\.[\w-]+)*$/);
      }
    });

    it("leaves alone whose token it is, for whom, and until when", async () => {
      await using plugin = await load();
      const client = plugin.client(CredentialComposerDefinition);
      const answer = await offered(
        client.composeWorkloadJWTSVID({ spiffeId: claims.sub, attributes: { claims } }),
      );
      if (answer?.attributes === undefined) return;
      const composed: Readonly<Record<string, unknown>> = answer.attributes.claims ?? {};
      for (const name of fixedClaims) assert.deepEqual(composed[name], claims[name], name);
    });

    it("answers alike when it is asked for many at once", async () => {
      await using plugin = await load();
      for (const compose of await x509Calls(plugin)) {
        const [first, ...others] = await Promise.all(
          Array.from({ length: 5 }, () => offered<unknown>(compose())),
        );
        for (const other of others) assert.deepEqual(other, first);
      }
    });

    it("refuses a request without attributes, where it composes at all", async () => {
      await using plugin = await load();
      const client = plugin.client(CredentialComposerDefinition);
      const [composeCa, composeServer] = await x509Calls(plugin);
      if ((await offered(composeCa())) !== undefined) await refusalOf(client.composeServerX509CA({}));
      if ((await offered(composeServer())) !== undefined) await refusalOf(client.composeServerX509SVID({}));
    });
  });
}
