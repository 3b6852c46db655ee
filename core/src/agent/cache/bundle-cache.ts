import type { Bundle, JwtAuthority, TrustDomain, X509Authority } from "@finial/sdk/spiffe";

/** Bundles by the trust domain's name. */
export type Bundles = ReadonlyMap<string, Bundle>;

/** The bundles the agent knows: always its own trust domain's, by which it knows its server. */
export class BundleCache {
  readonly #trustDomain: TrustDomain;
  readonly #listeners = new Set<(own: Bundle) => void>();
  #bundles: Bundles;

  constructor(own: Bundle) {
    this.#trustDomain = own.trustDomain;
    this.#bundles = new Map([[own.trustDomain.name, own]]);
  }

  get own(): Bundle {
    return this.#bundles.get(this.#trustDomain.name) as Bundle;
  }

  get all(): Bundles {
    return this.#bundles;
  }

  find(trustDomain: TrustDomain): Bundle | undefined {
    return this.#bundles.get(trustDomain.name);
  }

  /** Told of each change of the own bundle. */
  onOwnChange(listener: (own: Bundle) => void): void {
    this.#listeners.add(listener);
  }

  /**
   * Takes the place of all bundles; the own one stays if it is not among the new. A bundle that did not change keeps its identity.
   *
   * @returns names of the trust domains whose bundle was added, changed or removed.
   */
  update(bundles: readonly Bundle[]): ReadonlySet<string> {
    const next = new Map([[this.#trustDomain.name, this.own]]);
    const changed = new Set<string>();
    for (const bundle of bundles) {
      const { name } = bundle.trustDomain;
      const before = this.#bundles.get(name);
      const same = before !== undefined && equalBundles(before, bundle);
      next.set(name, same ? before : bundle);
      if (!same) changed.add(name);
    }
    for (const name of this.#bundles.keys()) if (!next.has(name)) changed.add(name);
    this.#bundles = next;
    if (changed.has(this.#trustDomain.name)) for (const listener of this.#listeners) listener(this.own);
    return changed;
  }
}

function equalBundles(left: Bundle, right: Bundle): boolean {
  return (
    left.refreshHintSeconds === right.refreshHintSeconds &&
    left.sequenceNumber === right.sequenceNumber &&
    equalLists(left.x509Authorities, right.x509Authorities, equalX509) &&
    equalLists(left.jwtAuthorities, right.jwtAuthorities, equalJwt)
  );
}

function equalX509(left: X509Authority, right: X509Authority): boolean {
  return left.tainted === right.tainted && left.certificateDer.equals(right.certificateDer);
}

function equalJwt(left: JwtAuthority, right: JwtAuthority): boolean {
  return (
    left.keyId === right.keyId &&
    left.tainted === right.tainted &&
    left.expiresAt?.getTime() === right.expiresAt?.getTime() &&
    left.publicKeyPkixDer.equals(right.publicKeyPkixDer)
  );
}

function equalLists<T>(left: readonly T[], right: readonly T[], equal: (a: T, b: T) => boolean): boolean {
  return left.length === right.length && left.every((item, index) => equal(item, right[index] as T));
}
