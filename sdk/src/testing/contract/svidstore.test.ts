import { SvidStore } from "../../agent.ts";
import { decodeConfig, string } from "../../hcl/index.ts";
import { definePlugin } from "../../plugin/define-plugin.ts";
import { Code } from "../../status/code.ts";
import { StatusError } from "../../status/status-error.ts";
import { loadPlugin } from "../load-plugin.ts";
import { svidStoreContract } from "./svidstore.ts";

function placeOf(metadata: readonly string[]): string {
  const [place] = metadata;
  if (place === undefined)
    throw new StatusError(Code.InvalidArgument, "PLACE", "the selectors name no place");
  return place;
}

svidStoreContract({
  metadata: ["name:db"],
  load: async () => {
    const kept = new Map<string, readonly Buffer[]>();
    const plugin = definePlugin({
      type: SvidStore,
      name: "test",
      parseConfig: (text) => decodeConfig(text, { path: string() }),
      open: () => ({
        service: {
          putX509SVID: ({ svid, metadata }) => {
            if (svid === undefined) throw new StatusError(Code.InvalidArgument, "SVID", "missing SVID");
            kept.set(placeOf(metadata), svid.certChain);
            return {};
          },
          deleteX509SVID: ({ metadata }) => {
            kept.delete(placeOf(metadata));
            return {};
          },
        },
      }),
    });
    return { plugin: await loadPlugin(plugin, { config: "" }), findChain: async () => kept.get("name:db") };
  },
});
