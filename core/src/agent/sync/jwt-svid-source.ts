import { type Clock, Code, type Logger, StatusError } from "@finial/sdk";
import type { SpiffeId } from "@finial/sdk/spiffe";
import type { AuthorizedEntry } from "../cache/authorized-entry.ts";
import type { IssuedJwtSvid, JwtSvidCache } from "../cache/jwt-svid-cache.ts";
import type { RotationPolicy } from "./rotation.ts";
import type { CallSignal, ServerApi } from "./server-api.ts";

/** As long as SPIRE waits for a JWT-SVID when it has none to fall back on. */
const timeoutMs = 30_000;

export interface JwtSvidSourceOptions {
  readonly api: Pick<ServerApi, "newJwtSvid">;
  readonly cache: JwtSvidCache;
  readonly rotation: RotationPolicy;
  /** How long to wait for a new JWT-SVID while the one in the cache is still good. */
  readonly cacheHitTimeoutMs: number;
  readonly clock: Clock;
  readonly logger: Logger;
}

/** JWT-SVIDs from the cache as long as they are young, else from the server; from the cache, too, when the server is away. */
export class JwtSvidSource {
  readonly #options: JwtSvidSourceOptions;

  constructor(options: JwtSvidSourceOptions) {
    this.#options = options;
  }

  /** @throws {StatusError} the server's, when nothing in the cache is good. */
  async fetch(
    entry: AuthorizedEntry,
    audience: readonly string[],
    { signal }: CallSignal,
  ): Promise<IssuedJwtSvid> {
    const { api, cache, rotation, cacheHitTimeoutMs, clock, logger } = this.#options;
    const { id: entryId, spiffeId } = entry;
    // An entry that wants a token's ID to be its own wants each token to be another.
    const isCached = !entry.jwtSvidIncludeJti;
    const now = clock.now();
    const cached = isCached ? cache.find(spiffeId, audience) : undefined;
    if (cached !== undefined && !rotation.isJwtSvidDue(cached, now)) return cached;
    const isGood = cached !== undefined && now < cached.expiresAt;
    try {
      const request = { entryId, audience, timeoutMs: isGood ? cacheHitTimeoutMs : timeoutMs };
      const svid = await api.newJwtSvid(request, { signal });
      // The server may know of a change of the entry that the agent does not: who asks may not be who it is for now.
      if (!svid.spiffeId.equals(spiffeId)) throw otherId(svid, spiffeId);
      if (isCached) cache.set(spiffeId, audience, svid);
      return svid;
    } catch (thrown) {
      if (cached === undefined) throw thrown;
      const error = StatusError.from(thrown);
      if (!isGood) throw error.prefixed(`unable to renew JWT for "${spiffeId}": `);
      logger.warn("Unable to renew JWT; returning cached copy", {
        spiffe_id: spiffeId.toString(),
        error: error.message,
      });
      return cached;
    }
  }
}

function otherId(svid: IssuedJwtSvid, asked: SpiffeId): StatusError {
  return new StatusError(
    Code.Unavailable,
    "JWT_SVID_OTHER_ID",
    `the server issued a JWT-SVID for "${svid.spiffeId}" instead of "${asked}"`,
  );
}
