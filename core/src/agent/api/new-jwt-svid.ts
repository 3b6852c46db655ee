import type { SVIDDefinition } from "@finial/proto/api/server/svid/v1/svid";
import { Code, StatusError } from "@finial/sdk";
import type { CallOptions, Client } from "@finial/sdk/internal";
import { parseJwtSvid } from "@finial/sdk/spiffe";
import { fromWireSeconds } from "../../kernel/convert/instant.ts";
import { fromWireSpiffeId } from "../../kernel/convert/spiffe-id.ts";
import type { IssuedJwtSvid } from "../cache/jwt-svid-cache.ts";

/** @throws {StatusError} the server's, or Internal when its answer makes no sense. */
export async function newJwtSvid(
  client: Client<typeof SVIDDefinition>,
  { entryId, audience }: { readonly entryId: string; readonly audience: readonly string[] },
  options: CallOptions,
): Promise<IssuedJwtSvid> {
  const { svid } = await client.newJWTSVID({ entryId, audience }, options);
  if (svid === undefined) throw malformed("JWTSVID response missing SVID");
  const issuedAt = fromWireSeconds(svid.issuedAt);
  const expiresAt = fromWireSeconds(svid.expiresAt);
  if (issuedAt === undefined) throw malformed("JWTSVID missing issued at");
  if (expiresAt === undefined) throw malformed("JWTSVID missing expires at");
  if (issuedAt > expiresAt) throw malformed("JWTSVID issued after it has expired");
  const spiffeId = fromWireSpiffeId(svid.id);
  const token = parseJwtSvid(svid.token);
  if (!token.spiffeId.equals(spiffeId))
    throw malformed(`JWTSVID is for "${token.spiffeId}", not "${spiffeId}"`);
  return { token: svid.token, spiffeId, keyId: token.keyId, issuedAt, expiresAt };
}

function malformed(message: string): StatusError {
  return new StatusError(Code.Internal, "JWT_SVID_RESPONSE", message);
}
