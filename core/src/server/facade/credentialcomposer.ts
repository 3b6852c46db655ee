import type { DistinguishedName, PublicKey, X509Extension } from "@finial/sdk/crypto";
import type { SpiffeId } from "@finial/sdk/spiffe";

export interface X509CaAttributes {
  readonly subject: DistinguishedName;
  readonly policyIdentifiers: readonly string[];
  readonly extraExtensions: readonly X509Extension[];
}

export interface X509SvidAttributes {
  readonly subject: DistinguishedName;
  readonly dnsNames: readonly string[];
  readonly extraExtensions: readonly X509Extension[];
}

export type JwtClaims = Readonly<Record<string, unknown>>;

/** What the server asks of a CredentialComposer. Each method gives back the attributes to go on with. */
export interface CredentialComposer {
  readonly name: string;
  composeServerX509Ca(attributes: X509CaAttributes): Promise<X509CaAttributes>;
  composeServerX509Svid(attributes: X509SvidAttributes): Promise<X509SvidAttributes>;
  composeAgentX509Svid(
    attributes: X509SvidAttributes,
    spiffeId: SpiffeId,
    publicKey: PublicKey,
  ): Promise<X509SvidAttributes>;
  composeWorkloadX509Svid(
    attributes: X509SvidAttributes,
    spiffeId: SpiffeId,
    publicKey: PublicKey,
  ): Promise<X509SvidAttributes>;
  composeWorkloadJwtSvid(claims: JwtClaims, spiffeId: SpiffeId): Promise<JwtClaims>;
}
