import type { Bundle as WireBundle } from "@finial/proto/plugin/types/bundle";
import { decodeConfig, string } from "../../hcl/index.ts";
import { definePlugin } from "../../plugin/define-plugin.ts";
import { BundlePublisher } from "../../server.ts";
import { Code } from "../../status/code.ts";
import { StatusError } from "../../status/status-error.ts";
import { loadPlugin } from "../load-plugin.ts";
import { bundlePublisherContract } from "./bundlepublisher.ts";

bundlePublisherContract({
  load: async () => {
    let published: WireBundle | undefined;
    const plugin = definePlugin({
      type: BundlePublisher,
      name: "test",
      parseConfig: (text) => decodeConfig(text, { path: string() }),
      open: () => ({
        service: {
          publishBundle: ({ bundle }) => {
            if (bundle === undefined)
              throw new StatusError(Code.InvalidArgument, "BUNDLE_MISSING", "missing bundle in request");
            published = bundle;
            return {};
          },
        },
      }),
    });
    return {
      plugin: await loadPlugin(plugin, { config: "" }),
      isPublished: async ({ x509Authorities: [authority] }) =>
        published !== undefined &&
        authority !== undefined &&
        published.x509Authorities[0]?.asn1.equals(authority.certificateDer) === true,
    };
  },
});
