import { type BundleMask, Bundle as WireBundle } from "@finial/proto/api/types/bundle";
import { type Bundle, parseTrustDomain } from "@finial/sdk/spiffe";
import { fromWireJwtKeys, toWireJwtKeys } from "./jwt-key.ts";
import { fromWireX509Authorities, toWireX509Authorities } from "./x509-certificate.ts";

/**
 * A bundle as `Bundle` of `spire.api.types` and `spire.plugin.types`, which are alike.
 *
 * @param mask the fields wanted besides the trust domain, which always goes; absent means all.
 */
export function toWireBundle(bundle: Bundle, mask?: BundleMask): WireBundle {
  const wants = (field: keyof BundleMask): boolean => mask === undefined || mask[field];
  return WireBundle.create({
    trustDomain: bundle.trustDomain.name,
    x509Authorities: wants("x509Authorities") ? toWireX509Authorities(bundle.x509Authorities) : [],
    jwtAuthorities: wants("jwtAuthorities") ? toWireJwtKeys(bundle.jwtAuthorities) : [],
    refreshHint: wants("refreshHint") ? bundle.refreshHintSeconds : 0,
    sequenceNumber: wants("sequenceNumber") ? bundle.sequenceNumber : 0,
  });
}

/**
 * The bundle in a `Bundle` of either package. Keys and certificates are taken as they are; WIT keys are not kept.
 *
 * @throws {StatusError} InvalidArgument when the trust domain is malformed.
 */
export function fromWireBundle(wire: WireBundle): Bundle {
  return {
    trustDomain: parseTrustDomain(wire.trustDomain),
    x509Authorities: fromWireX509Authorities(wire.x509Authorities),
    jwtAuthorities: fromWireJwtKeys(wire.jwtAuthorities),
    refreshHintSeconds: wire.refreshHint,
    sequenceNumber: wire.sequenceNumber,
  };
}
