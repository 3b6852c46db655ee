import { type Clock, Code, StatusError } from "@finial/sdk";
import type { CallContext } from "@finial/sdk/internal";
import { findAuthorized } from "../authorization/caller.ts";
import { PerAddressLimit } from "./rate-limit.ts";

/** A second, for each address: SPIRE's numbers. */
const perSecond = { attest: 1, sign: 500, pushKey: 500, postStatus: 10 } as const;

export type RateLimit = (context: CallContext, count: number) => Promise<void>;

/**
 * The limits of the API, to be asked by the handlers, which know how much a call wants. The admin socket has none.
 *
 * @param enabled which of the limits that can be switched off are on.
 */
export function makeRateLimit(
  enabled: { readonly attestation: boolean; readonly signing: boolean },
  clock: Clock,
): RateLimit {
  const attest = enabled.attestation ? new PerAddressLimit(perSecond.attest, clock) : undefined;
  const sign = (): PerAddressLimit | undefined =>
    enabled.signing ? new PerAddressLimit(perSecond.sign, clock) : undefined;
  const [x509, jwt, wit] = [sign(), sign(), sign()];
  const pushKey = new PerAddressLimit(perSecond.pushKey, clock);
  const limits: Readonly<Record<string, PerAddressLimit | undefined>> = {
    "/spire.api.server.agent.v1.Agent/AttestAgent": attest,
    "/spire.api.server.agent.v1.Agent/RenewAgent": x509,
    "/spire.api.server.agent.v1.Agent/PostStatus": new PerAddressLimit(perSecond.postStatus, clock),
    "/spire.api.server.svid.v1.SVID/BatchNewX509SVID": x509,
    "/spire.api.server.svid.v1.SVID/NewDownstreamX509CA": x509,
    "/spire.api.server.svid.v1.SVID/NewJWTSVID": jwt,
    "/spire.api.server.svid.v1.SVID/BatchNewWITSVID": wit,
    "/spire.api.server.bundle.v1.Bundle/PublishJWTAuthority": pushKey,
    "/spire.api.server.bundle.v1.Bundle/PublishWITAuthority": pushKey,
  };
  return async (context, count) => {
    if (!Object.hasOwn(limits, context.method))
      throw new StatusError(
        Code.Internal,
        "RATE_LIMIT_MISSING",
        `rate limiting misconfigured for "${context.method}"`,
      );
    const caller = findAuthorized(context)?.caller;
    if (caller?.kind !== "remote") return;
    await limits[context.method]?.take(caller.address, count, { signal: context.signal });
  };
}
