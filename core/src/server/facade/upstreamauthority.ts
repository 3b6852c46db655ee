import type { JwtAuthority, X509Authority } from "@finial/sdk/spiffe";

export interface MintedX509Ca {
  /** The new CA first, then intermediates up to but without the root; DER each. */
  readonly chainDer: readonly Buffer[];
  readonly upstreamRoots: readonly X509Authority[];
}

/** What the server asks of its UpstreamAuthority. At most one open stream a method: a new call ends the old one's updates. */
export interface UpstreamAuthority {
  readonly name: string;
  /** @param onRoots is called with each later replacement set of roots. */
  mintX509Ca(
    csrDer: Buffer,
    options: {
      readonly preferredTtlSeconds: number;
      readonly onRoots: (roots: readonly X509Authority[]) => void;
    },
  ): Promise<MintedX509Ca>;
  /** @throws {StatusError} Unimplemented when the upstream takes no JWT keys: they then stay local. */
  publishJwtKey(
    key: JwtAuthority,
    options: {
      readonly onKeys: (keys: readonly JwtAuthority[]) => void;
      /** For the first answer. */
      readonly limitMs: number;
    },
  ): Promise<readonly JwtAuthority[]>;
  /** Ends at once, without a message, when the plugin does not offer it. */
  watchLocalBundle(options: { readonly signal: AbortSignal }): AsyncIterable<{
    readonly x509Authorities: readonly X509Authority[];
    readonly jwtAuthorities: readonly JwtAuthority[];
  }>;
}
