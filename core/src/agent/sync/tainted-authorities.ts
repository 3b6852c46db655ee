import { StatusError } from "@finial/sdk";
import { Certificate, verifyChain } from "@finial/sdk/crypto";
import type { Bundle } from "@finial/sdk/spiffe";

/** What a server has told not to trust any more since it was last asked. */
export interface NewlyTainted {
  readonly x509Authorities: readonly Certificate[];
  readonly jwtKeyIds: ReadonlySet<string>;
}

/** Remembers which tainted authorities have been dealt with. */
export class TaintedAuthorities {
  readonly #x509 = new Set<string>();
  readonly #jwt = new Set<string>();

  /** Those of the bundle that are tainted and were not at the last call. */
  findNew({ x509Authorities, jwtAuthorities }: Bundle): NewlyTainted {
    const certificates = x509Authorities
      .filter(
        ({ tainted, certificateDer }) => tainted && isNew(this.#x509, certificateDer.toString("base64")),
      )
      .map(({ certificateDer }) => Certificate.parse(certificateDer));
    const keyIds = jwtAuthorities
      .filter(({ tainted, keyId }) => tainted && isNew(this.#jwt, keyId))
      .map(({ keyId }) => keyId);
    return { x509Authorities: certificates, jwtKeyIds: new Set(keyIds) };
  }
}

function isNew(seen: Set<string>, key: string): boolean {
  if (seen.has(key)) return false;
  seen.add(key);
  return true;
}

/** True when the chain leads to one of the authorities. An expired one is due for renewal whoever signed it. */
export function isSignedByAny(
  chainDer: readonly Buffer[],
  authorities: readonly Certificate[],
  now: Date,
): boolean {
  try {
    verifyChain({ chain: chainDer.map((der) => Certificate.parse(der)), anchors: authorities, now });
    return true;
  } catch (error) {
    if (StatusError.from(error).reason.startsWith("CHAIN_")) return false;
    throw error;
  }
}
