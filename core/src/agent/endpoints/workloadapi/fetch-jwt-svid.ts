import type { SpiffeWorkloadAPIDefinition } from "@finial/proto/workload/workload";
import { Code, StatusError } from "@finial/sdk";
import type { Handlers } from "@finial/sdk/internal";
import { parseSpiffeId, type SpiffeId } from "@finial/sdk/spiffe";
import { withDistinctHints } from "../../workload/distinct-hints.ts";
import type { WorkloadApiNeeds } from "./needs.ts";
import { noIdentity } from "./no-identity.ts";

/**
 * Gives a JWT-SVID for each of the caller's identities, or for the one it asks for.
 *
 * InvalidArgument without an audience or for a malformed SPIFFE ID; Unavailable when the server gives none, and the cache has none.
 *
 * @see SPIFFE Workload API, section 6.2.1
 */
export function makeFetchJwtSvid({
  attest,
  workloads,
  jwtSvids,
}: WorkloadApiNeeds): Handlers<typeof SpiffeWorkloadAPIDefinition>["fetchJWTSVID"] {
  return async ({ audience, spiffeId }, context) => {
    if (audience.length === 0)
      throw new StatusError(Code.InvalidArgument, "AUDIENCE", "audience must be specified");
    const wanted = spiffeId === "" ? undefined : parseWanted(spiffeId);
    const selectors = await attest(context, "FetchJWTSVID");
    const entries = withDistinctHints(workloads.matching(selectors), (entry) => entry).filter(
      (entry) => wanted === undefined || entry.spiffeId.equals(wanted),
    );
    if (entries.length === 0) throw noIdentity();
    const { signal } = context;
    const svids = await Promise.all(
      entries.map(async (entry) => {
        const { token } = await jwtSvids.fetch(entry, audience, { signal }).catch(unavailable);
        return { spiffeId: entry.spiffeId.toString(), svid: token, hint: entry.hint };
      }),
    );
    return { svids };
  };
}

function parseWanted(text: string): SpiffeId {
  try {
    return parseSpiffeId(text);
  } catch (error) {
    throw StatusError.from(error).prefixed("invalid requested SPIFFE ID: ");
  }
}

function unavailable(thrown: unknown): never {
  const error = StatusError.from(thrown);
  if (error.code === Code.Cancelled) throw error;
  throw new StatusError(
    Code.Unavailable,
    "JWT_SVID_UNAVAILABLE",
    `could not fetch JWT-SVID: ${error.message}`,
    { cause: error },
  );
}
