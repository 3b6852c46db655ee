import { SVIDStoreDefinition } from "@finial/proto/plugin/agent/svidstore/v1/svidstore";
import type { BoundPlugin } from "../../kernel/catalog/bound-plugin.ts";
import { prefixed } from "../../kernel/catalog/prefixed.ts";
import { toWireSeconds } from "../../kernel/convert/instant.ts";
import type { SvidStore } from "./svidstore.ts";

/** A store is often a service far away; one that does not answer must not keep the others' SVIDs waiting for ever. */
const deadlineMs = 60_000;

/** The SVIDStore port over `spire.plugin.agent.svidstore.v1`. */
export function bindSvidStoreV1({ name, client: clientOf }: BoundPlugin): SvidStore {
  const client = clientOf(SVIDStoreDefinition);
  const plugin = { type: "SVIDStore", name };
  return {
    name,
    putX509Svid: (request, { signal }) =>
      prefixed(plugin, async () => {
        const svid = {
          spiffeID: request.spiffeId,
          certChain: request.certificateChainDer,
          privateKey: request.privateKeyPkcs8Der,
          bundle: request.bundleDer,
          expiresAt: toWireSeconds(request.expiresAt),
        };
        const { metadata, federatedBundlesDer } = request;
        const federatedBundles = Object.fromEntries(federatedBundlesDer);
        await client.putX509SVID({ svid, metadata, federatedBundles }, { signal, deadlineMs });
      }),
    deleteX509Svid: (metadata, { signal }) =>
      prefixed(plugin, async () => {
        await client.deleteX509SVID({ metadata }, { signal, deadlineMs });
      }),
  };
}
