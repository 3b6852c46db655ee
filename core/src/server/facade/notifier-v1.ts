import { NotifierDefinition } from "@finial/proto/plugin/server/notifier/v1/notifier";
import type { BoundPlugin } from "../../kernel/catalog/bound-plugin.ts";
import { prefixed } from "../../kernel/catalog/prefixed.ts";
import { toWireBundle } from "../../kernel/convert/bundle.ts";
import type { Notifier } from "./notifier.ts";

/** The Notifier port over `spire.plugin.server.notifier.v1`. */
export function bindNotifierV1({ name, client: clientOf }: BoundPlugin): Notifier {
  const client = clientOf(NotifierDefinition);
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
