import type { Clock } from "@finial/sdk";
import { Certificate } from "@finial/sdk/crypto";
import type { TrustDomain } from "@finial/sdk/spiffe";
import type { DataStore } from "../facade/datastore.ts";

/** As long as SPIRE's server goes on with a bundle it has read. */
const freshMs = 1000;

interface Cached {
  readonly anchors: Promise<readonly Certificate[] | undefined>;
  readonly readAt: number;
}

/** The X.509 authorities of trust domains, for checking callers: read at most once a second. */
export class BundleCache {
  readonly #store: Pick<DataStore, "findBundle">;
  readonly #clock: Clock;
  readonly #cached = new Map<string, Cached>();

  constructor(store: Pick<DataStore, "findBundle">, clock: Clock) {
    this.#store = store;
    this.#clock = clock;
  }

  /** Undefined when there is no bundle. */
  async findAnchors(trustDomain: TrustDomain): Promise<readonly Certificate[] | undefined> {
    const now = this.#clock.now().getTime();
    const cached = this.#cached.get(trustDomain.name);
    if (cached !== undefined && Math.abs(now - cached.readAt) < freshMs) return await cached.anchors;
    const anchors = this.#read(trustDomain);
    this.#cached.set(trustDomain.name, { anchors, readAt: now });
    try {
      return await anchors;
    } catch (error) {
      this.#cached.delete(trustDomain.name);
      throw error;
    }
  }

  async #read(trustDomain: TrustDomain): Promise<readonly Certificate[] | undefined> {
    const bundle = await this.#store.findBundle(trustDomain);
    return bundle?.x509Authorities.map(({ certificateDer }) => Certificate.parse(certificateDer));
  }
}
