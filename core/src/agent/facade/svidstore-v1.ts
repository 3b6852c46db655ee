import { SVIDStoreDefinition } from "@finial/proto/plugin/agent/svidstore/v1/svidstore";
import { createClient } from "@finial/sdk/internal";
import type { BoundPlugin } from "../../kernel/catalog/bound-plugin.ts";
import { prefixed } from "../../kernel/catalog/prefixed.ts";
import { toWireSeconds } from "../../kernel/convert/instant.ts";
import type { SvidStore } from "./svidstore.ts";

/** The SVIDStore port over `spire.plugin.agent.svidstore.v1`. */
export function bindSvidStoreV1({ name, channel }: BoundPlugin): SvidStore {
  const client = createClient(SVIDStoreDefinition, channel);
  const plugin = { type: "SVIDStore", name };
  return {
    name,
    putX509Svid: (request) =>
      prefixed(plugin, async () => {
        await client.putX509SVID({
          svid: {
            spiffeID: request.spiffeId,
            certChain: request.certificateChainDer,
            privateKey: request.privateKeyPkcs8Der,
            bundle: request.bundleDer,
            expiresAt: toWireSeconds(request.expiresAt),
          },
          metadata: request.metadata,
          federatedBundles: Object.fromEntries(request.federatedBundlesDer),
        });
      }),
    deleteX509Svid: (metadata) =>
      prefixed(plugin, async () => {
        await client.deleteX509SVID({ metadata });
      }),
  };
}
