import type { DistinguishedName } from "@finial/sdk/crypto";
import type { TrustDomain } from "@finial/sdk/spiffe";

/** What the configuration says of the credentials this server issues. */
export interface CredentialSettings {
  readonly trustDomain: TrustDomain;
  readonly caTtlMs: number;
  readonly caSubject: DistinguishedName;
  readonly x509SvidTtlMs: number;
  readonly agentX509SvidTtlMs: number;
  readonly jwtSvidTtlMs: number;
  /** Absent: tokens carry no `iss`. */
  readonly jwtIssuer: string | undefined;
}

/** Of every X.509-SVID that is not given another. */
export const svidSubject: DistinguishedName = { country: ["US"], organization: ["SPIRE"] };
