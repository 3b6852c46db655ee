import { Code } from "@finial/sdk";
import { SpiffeId, type TrustDomain } from "@finial/sdk/spiffe";
import type { AttestedAgent } from "../../facade/nodeattestor.ts";
import { failure } from "../failure.ts";
import type { AgentService } from "./service.ts";

export const joinTokenType = "join_token";

/** The ID of the agent that attests with a token. @throws {StatusError} InvalidArgument for a token no ID can hold. */
export function joinTokenAgentId(trustDomain: TrustDomain, token: string): SpiffeId {
  return SpiffeId.make(trustDomain, `/spire/agent/${joinTokenType}/${token}`);
}

/**
 * Attests with a join token, which is then used up: of two agents at once one gets in.
 *
 * @throws {StatusError} InvalidArgument for a token that is unknown, used or expired.
 */
export async function attestJoinToken(
  token: string,
  { store, trustDomain, clock }: AgentService,
): Promise<AttestedAgent> {
  const taken = await store.takeJoinToken(token).catch((error: unknown) => {
    throw failure(Code.Internal, "JOIN_TOKEN_FETCH", "failed to fetch join token", error);
  });
  if (taken === undefined)
    throw failure(
      Code.InvalidArgument,
      "JOIN_TOKEN_UNKNOWN",
      "failed to attest: join token does not exist or has already been used",
    );
  if (taken.expiresAt < clock.now())
    throw failure(Code.InvalidArgument, "JOIN_TOKEN_EXPIRED", "join token expired");
  return { spiffeId: joinTokenAgentId(trustDomain, token), selectors: [], canReattest: false };
}
