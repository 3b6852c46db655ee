import { Code, StatusError } from "@finial/sdk";
import type { NodeAttestor } from "../facade/nodeattestor.ts";

/** Attests with a token from the command line or the `agent` block, which no plugin gets to see, as in SPIRE. */
export function joinTokenAttestor(token: string): NodeAttestor {
  return {
    name: "join_token",
    startAttestation: async () => ({
      payload: Buffer.from(token),
      respond: async () => {
        throw new StatusError(
          Code.Internal,
          "UNEXPECTED_CHALLENGE",
          "nodeattestor(join_token): server issued unexpected challenge",
        );
      },
      [Symbol.asyncDispose]: async () => {},
    }),
  };
}
