import { Code, definePlugin, type Plugin, StatusError } from "@finial/sdk";
import { BundlePublisher } from "@finial/sdk/server";
import { writeBundle } from "./bundle-file.ts";
import { type Config, parseConfig } from "./config.ts";

/** BundlePublisher "__NAME__": publishes the trust domain's X.509 authorities in a file. */
export const plugin: Plugin = definePlugin({
  type: BundlePublisher,
  name: "__NAME__",
  parseConfig,
  open: ({ logger }) => {
    let configured: Config | undefined;
    return {
      configure: (config) => {
        configured = config;
      },
      service: {
        publishBundle: async ({ bundle }) => {
          if (configured === undefined)
            throw new StatusError(Code.FailedPrecondition, "NOT_CONFIGURED", "not configured");
          if (bundle === undefined)
            throw new StatusError(Code.InvalidArgument, "BUNDLE", "missing bundle in request");
          await writeBundle(configured.path, bundle);
          logger.info("Published the bundle", { path: configured.path });
          return {};
        },
      },
    };
  },
});
