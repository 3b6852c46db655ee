import type { Certificate } from "@finial/sdk/crypto";
import type { ManagedKey } from "../facade/keymanager.ts";

/** An X.509 authority of this server: its certificate, and the key behind it, which is the key manager's. */
export interface X509Ca {
  readonly certificate: Certificate;
  /** What an SVID is sent with: this CA and its intermediates up to but without the root; empty when the CA is a root itself. */
  readonly upstreamChain: readonly Certificate[];
  readonly key: ManagedKey;
}

/** A JWT authority of this server. */
export interface JwtKey {
  /** Key id: what a token's `kid` says. */
  readonly kid: string;
  readonly notAfter: Date;
  readonly key: ManagedKey;
}

/** The authorities that sign at the moment. */
export interface ActiveAuthorities {
  /** @throws {StatusError} Internal when there is none yet. */
  getX509Ca(): X509Ca;
  getJwtKey(): JwtKey;
}

/** Lower-case hex, as bundles, logs and commands name an X.509 authority. */
export function authorityIdOf(keyId: Buffer | undefined): string {
  return keyId?.toString("hex") ?? "";
}
