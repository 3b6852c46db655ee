import type { Bundle as WireBundle } from "@finial/proto/plugin/types/bundle";
import type { PartialMessage } from "../../rpc/definition.ts";
import type { Bundle } from "../../spiffe/bundle.ts";

/** A bundle as plugins are told of it. */
export function toPluginBundle(bundle: Bundle): PartialMessage<WireBundle> {
  return {
    trustDomain: bundle.trustDomain.name,
    x509Authorities: bundle.x509Authorities.map(({ certificateDer, tainted }) => ({
      asn1: certificateDer,
      tainted,
    })),
    jwtAuthorities: bundle.jwtAuthorities.map(({ keyId, publicKeyPkixDer, expiresAt, tainted }) => ({
      keyId,
      publicKey: publicKeyPkixDer,
      expiresAt: Math.floor((expiresAt?.getTime() ?? 0) / 1000),
      tainted,
    })),
    refreshHint: bundle.refreshHintSeconds,
    sequenceNumber: bundle.sequenceNumber,
  };
}
