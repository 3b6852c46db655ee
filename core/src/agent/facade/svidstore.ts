/** What the agent asks of an SVIDStore. `metadata` are the entry's selector values, in order. */
export interface SvidStore {
  readonly name: string;
  /** Takes the place of what lies there. */
  putX509Svid(request: X509SvidToStore, options: { readonly signal: AbortSignal }): Promise<void>;
  /** @throws {StatusError} InvalidArgument when no SVID can ever lie there. */
  deleteX509Svid(metadata: readonly string[], options: { readonly signal: AbortSignal }): Promise<void>;
}

export interface X509SvidToStore {
  readonly spiffeId: string;
  /** Leaf first. */
  readonly certificateChainDer: readonly Buffer[];
  readonly privateKeyPkcs8Der: Buffer;
  readonly bundleDer: readonly Buffer[];
  readonly expiresAt: Date;
  readonly metadata: readonly string[];
  /** Certificates one after the other, by trust domain ID, such as `spiffe://other.example.org`. */
  readonly federatedBundlesDer: ReadonlyMap<string, Buffer>;
}
