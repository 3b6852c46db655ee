import { Code, definePlugin, type Plugin, StatusError } from "@finial/sdk";
import { NodeAttestor } from "@finial/sdk/server";
import { parseConfig } from "./config.ts";

/** NodeAttestor "join_token": the server takes tokens out of its data store by itself, in one step with their check. */
export const plugin: Plugin = definePlugin({
  type: NodeAttestor,
  name: "join_token",
  parseConfig,
  open: () => ({
    service: {
      attest: () => {
        throw new StatusError(
          Code.Unimplemented,
          "JOIN_TOKEN_IN_SERVER",
          "join token attestation is currently implemented within the server",
        );
      },
    },
  }),
});
