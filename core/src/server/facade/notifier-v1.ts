import { NotifierDefinition } from "@finial/proto/plugin/server/notifier/v1/notifier";
import { createClient } from "@finial/sdk/internal";
import type { BoundPlugin } from "../../kernel/catalog/bound-plugin.ts";
import { prefixed } from "../../kernel/catalog/prefixed.ts";
import { toWireBundle } from "../../kernel/convert/bundle.ts";
import type { Notifier } from "./notifier.ts";

/** The Notifier port over `spire.plugin.server.notifier.v1`. */
export function bindNotifierV1({ name, channel }: BoundPlugin): Notifier {
  const client = createClient(NotifierDefinition, channel);
  const plugin = { type: "Notifier", name };
  return {
    name,
    bundleLoaded: (bundle) =>
      prefixed(plugin, async () => {
        const value = { bundle: toWireBundle(bundle) };
        await client.notifyAndAdvise({ event: { $case: "bundleLoaded", value } });
      }),
    bundleUpdated: (bundle) =>
      prefixed(plugin, async () => {
        const value = { bundle: toWireBundle(bundle) };
        await client.notify({ event: { $case: "bundleUpdated", value } });
      }),
  };
}
