import type { X509Certificate } from "@finial/proto/api/types/bundle";
import type { X509Authority } from "@finial/sdk/spiffe";

/** Authorities as `X509Certificate` of `spire.api.types` and `spire.plugin.types`, which are alike. */
export function toWireX509Authorities(authorities: readonly X509Authority[]): X509Certificate[] {
  return authorities.map(({ certificateDer, tainted }) => ({ asn1: certificateDer, tainted }));
}

/** The bytes are taken as they are: whoever trusts them parses them. */
export function fromWireX509Authorities(wire: readonly X509Certificate[]): readonly X509Authority[] {
  return wire.map(({ asn1, tainted }) => ({ certificateDer: asn1, tainted }));
}
