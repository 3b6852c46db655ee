import { Code, definePlugin, type Plugin, StatusError } from "@finial/sdk";
import { NodeAttestor } from "@finial/sdk/agent";

/** NodeAttestor "join_token": the agent sends its token by itself, so whoever asks here has none. */
export const plugin: Plugin = definePlugin({
  type: NodeAttestor,
  name: "join_token",
  open: () => ({
    service: {
      aidAttestation: () => {
        throw new StatusError(Code.InvalidArgument, "JOIN_TOKEN_MISSING", "join token was not provided");
      },
    },
  }),
});
