/** What the agent asks of an SVIDStore. `metadata` are the entry's selector values, in order. */
export interface SvidStore {
  readonly name: string;
  putX509Svid(request: {
    readonly spiffeId: string;
    readonly certificateChainDer: readonly Buffer[];
    readonly privateKeyPkcs8Der: Buffer;
    readonly bundleDer: readonly Buffer[];
    readonly expiresAt: Date;
    readonly metadata: readonly string[];
    readonly federatedBundlesDer: ReadonlyMap<string, Buffer>;
  }): Promise<void>;
  deleteX509Svid(metadata: readonly string[]): Promise<void>;
}
