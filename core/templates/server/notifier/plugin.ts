import { Code, definePlugin, type Plugin, StatusError } from "@finial/sdk";
import { Notifier } from "@finial/sdk/server";
import { writeBundle, type X509Authorities } from "./bundle-file.ts";
import { type Config, parseConfig } from "./config.ts";

/** Notifier "__NAME__": keeps a file with the trust domain's X.509 authorities up to date. */
export const plugin: Plugin = definePlugin({
  type: Notifier,
  name: "__NAME__",
  parseConfig,
  open: ({ logger }) => {
    let configured: Config | undefined;
    const take = async (bundle: X509Authorities | undefined): Promise<Record<never, never>> => {
      if (configured === undefined)
        throw new StatusError(Code.FailedPrecondition, "NOT_CONFIGURED", "not configured");
      // An event of a later version has no bundle that this one knows.
      if (bundle === undefined) return {};
      await writeBundle(configured.path, bundle);
      logger.info("Wrote the bundle", { path: configured.path });
      return {};
    };
    return {
      configure: (config) => {
        configured = config;
      },
      service: {
        // The server waits for this one, and does not start when it fails.
        notifyAndAdvise: ({ event }) => take(event?.value.bundle),
        notify: ({ event }) => take(event?.value.bundle),
      },
    };
  },
});
