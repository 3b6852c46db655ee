import { type Clock, type Logger, StatusError } from "@finial/sdk";
import { Certificate } from "@finial/sdk/crypto";
import type { TrustDomain, X509Authority } from "@finial/sdk/spiffe";
import type { DataStore } from "../facade/datastore.ts";
import { authorityIdOf } from "./authorities.ts";
import type { OwnBundle } from "./own-bundle.ts";

const retryMs = { first: 5000, most: 60_000 };

export interface UpstreamRootsOptions {
  readonly store: Pick<DataStore, "taintX509Authority" | "revokeX509Authority">;
  readonly bundle: OwnBundle;
  readonly trustDomain: TrustDomain;
  /** Has this server sign with an authority that is below none of these. */
  readonly leave: (tainted: readonly Certificate[]) => Promise<void>;
  readonly clock: Clock;
  readonly logger: Logger;
}

/**
 * Keeps the trust domain's bundle as its upstream wants it: new roots are added; a root that became tainted is left by this
 * server before everybody else is told; a tainted root that the upstream no longer has is revoked.
 */
export class UpstreamRoots {
  readonly #options: UpstreamRootsOptions;
  #latest: readonly X509Authority[] | undefined;
  #arrival = Promise.withResolvers<void>();

  constructor(options: UpstreamRootsOptions) {
    this.#options = options;
  }

  /** All roots the upstream now has. A later set takes the place of one that was not yet worked on. */
  take(roots: readonly X509Authority[]): void {
    this.#latest = roots;
    this.#arrival.resolve();
  }

  /** Works until the signal aborts; what fails is logged and tried again. */
  async run(signal: AbortSignal): Promise<void> {
    const { clock, logger } = this.#options;
    signal.addEventListener("abort", () => this.#arrival.resolve(), { once: true });
    let delayMs = retryMs.first;
    while (!signal.aborted) {
      await this.#arrival.promise;
      this.#arrival = Promise.withResolvers();
      const roots = this.#latest;
      this.#latest = undefined;
      if (roots === undefined) continue;
      try {
        await this.#follow(roots);
        delayMs = retryMs.first;
      } catch (error) {
        logger.error("Failed to follow the upstream authority's roots", {
          error: StatusError.from(error).message,
        });
        this.take(this.#latest ?? roots);
        await clock.sleep(delayMs, { signal });
        delayMs = Math.min(delayMs * 2, retryMs.most);
      }
    }
  }

  async #follow(roots: readonly X509Authority[]): Promise<void> {
    const { bundle } = this.#options;
    const stored = (await bundle.find())?.x509Authorities ?? [];
    const untainted = idsOf(stored.filter(({ tainted }) => !tainted));
    const becameTainted = roots.filter((root) => root.tainted && untainted.has(idOf(root)));
    // What is there already stays as it is: tainted it is called when this server has left it.
    await bundle.add({ x509Authorities: roots });
    if (becameTainted.length > 0) await this.#taint(becameTainted);
    const present = idsOf(roots);
    await this.#revoke(stored.filter((authority) => authority.tainted && !present.has(idOf(authority))));
  }

  async #taint(roots: readonly X509Authority[]): Promise<void> {
    const { store, trustDomain, leave, logger } = this.#options;
    await leave(roots.map(({ certificateDer }) => Certificate.parse(certificateDer)));
    for (const id of idsOf(roots)) {
      await store.taintX509Authority(trustDomain, id);
      logger.info("X.509 authority tainted", { subject_key_id: id });
    }
  }

  async #revoke(authorities: readonly X509Authority[]): Promise<void> {
    const { store, trustDomain, logger } = this.#options;
    for (const id of idsOf(authorities)) {
      await store.revokeX509Authority(trustDomain, id);
      logger.info("X.509 authority revoked", { subject_key_id: id });
    }
  }
}

/** "" when the certificate does not say. */
function idOf({ certificateDer }: X509Authority): string {
  return authorityIdOf(Certificate.parse(certificateDer).subjectKeyId);
}

/** What authorities are told apart by; one that does not say can be neither tainted nor revoked. */
function idsOf(authorities: readonly X509Authority[]): ReadonlySet<string> {
  return new Set(authorities.map(idOf).filter((id) => id !== ""));
}
