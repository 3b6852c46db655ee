import type { JWTKey } from "@finial/proto/plugin/types/jwtkey";
import type { X509Certificate } from "@finial/proto/plugin/types/x509certificate";
import { Code, StatusError } from "@finial/sdk";
import { Certificate, PublicKey } from "@finial/sdk/crypto";
import type { JwtAuthority, X509Authority } from "@finial/sdk/spiffe";
import { fromWireJwtKeys } from "../../kernel/convert/jwt-key.ts";
import { fromWireX509Authorities } from "../../kernel/convert/x509-certificate.ts";

/** A plugin's roots: at least one, each a certificate. @throws {StatusError} Internal. */
export function readRoots(wire: readonly X509Certificate[]): readonly X509Authority[] {
  if (wire.length === 0) throw distrusted("plugin response missing upstream X.509 roots");
  const roots = fromWireX509Authorities(wire);
  for (const { certificateDer } of roots)
    distrust("plugin response has malformed upstream X.509 roots", () => Certificate.parse(certificateDer));
  return roots;
}

/** A plugin's JWT keys, each with an id and a key. @throws {StatusError} Internal. */
export function readJwtKeys(wire: readonly JWTKey[]): readonly JwtAuthority[] {
  const keys = fromWireJwtKeys(wire);
  for (const { keyId, publicKeyPkixDer } of keys) {
    if (keyId === "") throw distrusted("plugin response invalid upstream JWT keys: missing key ID");
    distrust("plugin response invalid upstream JWT keys", () => PublicKey.parse(publicKeyPkixDer));
  }
  return keys;
}

function distrust(what: string, work: () => unknown): void {
  try {
    work();
  } catch (error) {
    throw distrusted(`${what}: ${StatusError.from(error).message}`);
  }
}

export function distrusted(message: string): StatusError {
  return new StatusError(Code.Internal, "PLUGIN_RESPONSE", message);
}
