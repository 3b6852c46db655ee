import { Code, definePlugin, type Plugin, StatusError } from "@finial/sdk";
import { CredentialComposer } from "@finial/sdk/server";
import { type Config, parseConfig } from "./config.ts";

/**
 * CredentialComposer "__NAME__": puts an organizational unit into the subject of workloads' X.509-SVIDs. What it does not
 * compose, it does not implement, and the host leaves as it is.
 */
export const plugin: Plugin = definePlugin({
  type: CredentialComposer,
  name: "__NAME__",
  parseConfig,
  open: () => {
    let configured: Config | undefined;
    return {
      configure: (config) => {
        configured = config;
      },
      service: {
        composeWorkloadX509SVID: ({ attributes }) => {
          if (configured === undefined)
            throw new StatusError(Code.FailedPrecondition, "NOT_CONFIGURED", "not configured");
          if (attributes === undefined)
            throw new StatusError(Code.InvalidArgument, "ATTRIBUTES", "request missing attributes");
          const { organizationalUnit } = configured;
          const subject = { ...attributes.subject, organizationalUnit: [organizationalUnit] };
          return { attributes: { ...attributes, subject } };
        },
      },
    };
  },
});
