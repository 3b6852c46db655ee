import { Code, definePlugin, type Plugin, StatusError } from "@finial/sdk";
import { SvidStore } from "@finial/sdk/agent";
import { type Config, parseConfig } from "./config.ts";
import { removeSvid, svidFile, writeSvid } from "./svid-file.ts";

/** SVIDStore "__NAME__": keeps X.509-SVIDs in files. Put the calls of your secret store into the place of svid-file.ts. */
export const plugin: Plugin = definePlugin({
  type: SvidStore,
  name: "__NAME__",
  parseConfig,
  open: ({ logger }) => {
    let configured: Config | undefined;
    const fileOf = (metadata: readonly string[]): string => {
      if (configured === undefined)
        throw new StatusError(Code.FailedPrecondition, "NOT_CONFIGURED", "not configured");
      return svidFile(configured.directory, metadata);
    };
    return {
      configure: (config) => {
        configured = config;
      },
      service: {
        putX509SVID: async ({ svid, metadata }) => {
          const file = fileOf(metadata);
          if (svid === undefined || svid.certChain.length === 0)
            throw new StatusError(Code.InvalidArgument, "SVID", "missing X.509-SVID in request");
          await writeSvid(file, svid);
          logger.info("Stored an X.509-SVID", { spiffe_id: svid.spiffeID, file });
          return {};
        },
        deleteX509SVID: async ({ metadata }) => {
          await removeSvid(fileOf(metadata));
          return {};
        },
      },
    };
  },
});
