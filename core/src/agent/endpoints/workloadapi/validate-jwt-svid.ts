import type { SpiffeWorkloadAPIDefinition } from "@finial/proto/workload/workload";
import { type Clock, Code, StatusError } from "@finial/sdk";
import { PublicKey } from "@finial/sdk/crypto";
import type { Handlers } from "@finial/sdk/internal";
import { type JwtSvid, type TrustDomain, verifyJwtSvid } from "@finial/sdk/spiffe";
import type { WorkloadUpdate } from "../../cache/workload-update.ts";
import type { WorkloadApiNeeds } from "./needs.ts";

export interface ValidateJwtSvidNeeds extends Pick<WorkloadApiNeeds, "attest" | "workloads"> {
  readonly trustDomain: TrustDomain;
  /** Claims that are passed on from tokens of other trust domains, besides those every JWT-SVID has. */
  readonly allowedForeignJwtClaims: readonly string[];
  readonly clock: Clock;
}

const ownClaims = ["sub", "exp", "aud"];

/**
 * Validates a JWT-SVID against the bundles the caller knows; it needs no identity of its own.
 *
 * InvalidArgument without an audience or token, and for a token that does not hold.
 *
 * @see SPIFFE Workload API, section 6.2.3
 */
export function makeValidateJwtSvid({
  attest,
  workloads,
  trustDomain,
  allowedForeignJwtClaims,
  clock,
}: ValidateJwtSvidNeeds): Handlers<typeof SpiffeWorkloadAPIDefinition>["validateJWTSVID"] {
  const foreignClaims = new Set([...ownClaims, ...allowedForeignJwtClaims]);
  return async ({ audience, svid: token }, context) => {
    if (audience === "") throw missing("audience");
    if (token === "") throw missing("svid");
    const known = workloads.snapshot(await attest(context));
    const svid = verifyJwtSvid(token, {
      audience: [audience],
      keyOf: (claimed) => findKey(claimed, known),
      now: clock.now(),
    });
    const isOwn = svid.spiffeId.memberOf(trustDomain);
    const claims = Object.entries(svid.claims).filter(([name]) => isOwn || foreignClaims.has(name));
    return {
      spiffeId: svid.spiffeId.toString(),
      // A single audience may stand alone in a token; callers always get a list.
      claims: { ...Object.fromEntries(claims), aud: [...svid.audience] },
    };
  };
}

function findKey(
  { keyId, spiffeId }: JwtSvid,
  { bundle: own, federatedBundles }: WorkloadUpdate,
): PublicKey | undefined {
  const { trustDomain } = spiffeId;
  const bundle = trustDomain.equals(own.trustDomain) ? own : federatedBundles.get(trustDomain.name);
  const authority = bundle?.jwtAuthorities.find((candidate) => candidate.keyId === keyId);
  return authority && PublicKey.parse(authority.publicKeyPkixDer);
}

function missing(what: string): StatusError {
  return new StatusError(Code.InvalidArgument, "MISSING_FIELD", `${what} must be specified`);
}
