import type { KeyObject } from "node:crypto";

/** How a key signs: RSA-PSS or ECDSA, of SHA-256 each. */
export type KeyKind = "rsa" | "ecdsa";

/** The curves of Go's crypto/ecdsa; a certificate may name others, or describe its own, at the verifier's expense. */
const curves: ReadonlySet<string | undefined> = new Set([
  "secp224r1",
  "prime256v1",
  "secp384r1",
  "secp521r1",
]);

/** Undefined for keys x509pop does not use. */
export function findKeyKind(key: KeyObject): KeyKind | undefined {
  if (key.asymmetricKeyType === "rsa") return "rsa";
  return key.asymmetricKeyType === "ec" && curves.has(key.asymmetricKeyDetails?.namedCurve)
    ? "ecdsa"
    : undefined;
}
