import type { JWTKey } from "@finial/proto/api/types/bundle";
import type { JwtAuthority } from "@finial/sdk/spiffe";
import { fromWireSeconds, toWireSeconds } from "./instant.ts";

/** Authorities as `JWTKey` of `spire.api.types` and `spire.plugin.types`, which are alike. */
export function toWireJwtKeys(authorities: readonly JwtAuthority[]): JWTKey[] {
  return authorities.map(({ keyId, publicKeyPkixDer, expiresAt, tainted }) => ({
    publicKey: publicKeyPkixDer,
    keyId,
    expiresAt: toWireSeconds(expiresAt),
    tainted,
  }));
}

/** The bytes are taken as they are: whoever trusts them parses them. */
export function fromWireJwtKeys(wire: readonly JWTKey[]): readonly JwtAuthority[] {
  return wire.map(({ publicKey, keyId, expiresAt, tainted }) => ({
    keyId,
    publicKeyPkixDer: publicKey,
    expiresAt: fromWireSeconds(expiresAt),
    tainted,
  }));
}
