import { BundlePublisherDefinition } from "@finial/proto/plugin/server/bundlepublisher/v1/bundlepublisher";
import type { BoundPlugin } from "../../kernel/catalog/bound-plugin.ts";
import { prefixed } from "../../kernel/catalog/prefixed.ts";
import { toWireBundle } from "../../kernel/convert/bundle.ts";
import type { BundlePublisher } from "./bundlepublisher.ts";

/** The BundlePublisher port over `spire.plugin.server.bundlepublisher.v1`. */
export function bindBundlePublisherV1({ name, client: clientOf }: BoundPlugin): BundlePublisher {
  const client = clientOf(BundlePublisherDefinition);
  return {
    name,
    publishBundle: (bundle) =>
      prefixed({ type: "BundlePublisher", name }, async () => {
        await client.publishBundle({ bundle: toWireBundle(bundle) });
      }),
  };
}
