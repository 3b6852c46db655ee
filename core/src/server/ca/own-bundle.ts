import type { Bundle, JwtAuthority, TrustDomain, X509Authority } from "@finial/sdk/spiffe";
import type { DataStore } from "../facade/datastore.ts";

/** The bundle of the server's own trust domain, as its authorities see it: something to add to. */
export class OwnBundle {
  readonly #store: Pick<DataStore, "appendBundle" | "findBundle">;
  readonly #trustDomain: TrustDomain;

  constructor(store: Pick<DataStore, "appendBundle" | "findBundle">, trustDomain: TrustDomain) {
    this.#store = store;
    this.#trustDomain = trustDomain;
  }

  async find(): Promise<Bundle | undefined> {
    return await this.#store.findBundle(this.#trustDomain);
  }

  /** Adds those that are not there yet; the bundle as it then is. */
  async add(additions: {
    readonly x509Authorities?: readonly X509Authority[];
    readonly jwtAuthorities?: readonly JwtAuthority[];
  }): Promise<Bundle> {
    return await this.#store.appendBundle({
      trustDomain: this.#trustDomain,
      x509Authorities: additions.x509Authorities ?? [],
      jwtAuthorities: additions.jwtAuthorities ?? [],
      refreshHintSeconds: 0,
      sequenceNumber: 0,
    });
  }
}
