import { createHash } from "node:crypto";
import type { Logger } from "@finial/sdk";
import type { SpiffeId } from "@finial/sdk/spiffe";

/** A JWT-SVID as the server issued it. */
export interface IssuedJwtSvid {
  readonly token: string;
  readonly spiffeId: SpiffeId;
  /** Of the authority that signed it. */
  readonly keyId: string;
  readonly issuedAt: Date;
  readonly expiresAt: Date;
}

/** JWT-SVIDs by SPIFFE ID and audiences, in whatever order; the one not asked for the longest makes room. */
export class JwtSvidCache {
  readonly #maxSize: number;
  readonly #logger: Logger;
  /** Least recently used first. */
  readonly #svids = new Map<string, IssuedJwtSvid>();

  constructor({ maxSize, logger }: { readonly maxSize: number; readonly logger: Logger }) {
    this.#maxSize = maxSize;
    this.#logger = logger;
  }

  get size(): number {
    return this.#svids.size;
  }

  find(spiffeId: SpiffeId, audience: readonly string[]): IssuedJwtSvid | undefined {
    const key = keyOf(spiffeId, audience);
    const svid = this.#svids.get(key);
    if (svid !== undefined) this.#touch(key, svid);
    return svid;
  }

  set(spiffeId: SpiffeId, audience: readonly string[], svid: IssuedJwtSvid): void {
    this.#touch(keyOf(spiffeId, audience), svid);
    for (const key of this.#svids.keys()) {
      if (this.#svids.size <= this.#maxSize) break;
      this.#svids.delete(key);
    }
  }

  /** Forgets what these authorities have signed, so that the next who asks gets one from another. */
  removeSignedBy(keyIds: ReadonlySet<string>): void {
    const removed = new Map<string, number>();
    for (const [key, { keyId }] of this.#svids) {
      if (!keyIds.has(keyId)) continue;
      this.#svids.delete(key);
      removed.set(keyId, (removed.get(keyId) ?? 0) + 1);
    }
    for (const [keyId, count] of removed)
      this.#logger.info(
        "JWT-SVIDs were removed from the JWT cache because they were issued by a tainted authority",
        { jwt_authority_key_ids: keyId, tainted_jwt_svids: count },
      );
  }

  #touch(key: string, svid: IssuedJwtSvid): void {
    this.#svids.delete(key);
    this.#svids.set(key, svid);
  }
}

/** Quoted, so that no two lists read the same; hashed, so that long audiences cost no memory. */
function keyOf(spiffeId: SpiffeId, audience: readonly string[]): string {
  const text = [spiffeId.toString(), ...[...audience].sort()].map((part) => JSON.stringify(part)).join();
  return createHash("sha256").update(text).digest("base64");
}
