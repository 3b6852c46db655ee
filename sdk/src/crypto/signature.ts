import { constants, type KeyObject, type VerifyKeyObjectInput, verify } from "node:crypto";
import type { PublicKey } from "./public-key.ts";
import type { VerifiableAlgorithm } from "./signature-algorithm.ts";

/** The curves Go knows, by OpenSSL's names. */
const curves: ReadonlySet<string | undefined> = new Set([
  "prime256v1",
  "secp384r1",
  "secp521r1",
  "secp224r1",
]);
/** As in Go: shorter ones can be broken. */
const minRsaBits = 1024;

interface SignatureCheck {
  /** Undefined: Finial does not verify such signatures. */
  readonly algorithm: VerifiableAlgorithm | undefined;
  readonly message: Buffer;
  readonly signature: Buffer;
  readonly key: KeyObject;
}

/** Whether the key has signed the message. A key that another kind of signature belongs to has not. */
export function isSignatureValid({ algorithm, message, signature, key }: SignatureCheck): boolean {
  const input = verifyInput(algorithm, key);
  if (input === undefined) return false;
  try {
    return verify(algorithm?.hash, message, input, signature);
  } catch {
    // OpenSSL refuses to try, as with an RSA key shorter than the hash: that is no signature either.
    return false;
  }
}

/**
 * As isSignatureValid, off the event loop.
 *
 * @throws {StatusError} InvalidArgument `PUBLIC_KEY_MALFORMED` for a key whose point had not been looked at, and is none.
 */
export async function checkSignature({
  algorithm,
  message,
  signature,
  key,
}: Omit<SignatureCheck, "key"> & { readonly key: PublicKey }): Promise<boolean> {
  const input =
    algorithm?.name === "ecdsa" && key.type === "ec-p256" ? key.input : verifyInput(algorithm, key.keyObject);
  if (input === undefined) return false;
  return await new Promise((resolve) => {
    try {
      // An error here comes from the stranger's key or signature.
      verify(algorithm?.hash, message, input, signature, (error, valid) => resolve(error === null && valid));
    } catch {
      // OpenSSL did not take the key, and says why when it is loaded alone; else it refused to try.
      key.load();
      resolve(false);
    }
  });
}

/** What Node verifies with; undefined when such a key cannot have made such a signature. */
function verifyInput(
  algorithm: VerifiableAlgorithm | undefined,
  key: KeyObject,
): KeyObject | VerifyKeyObjectInput | undefined {
  const { asymmetricKeyType: type, asymmetricKeyDetails: details } = key;
  switch (algorithm?.name) {
    case "ecdsa":
      return type === "ec" && curves.has(details?.namedCurve) ? key : undefined;
    case "ed25519":
      return type === "ed25519" ? key : undefined;
    case "rsa":
      return isRsa(key) ? key : undefined;
    case "rsa-pss": {
      const { RSA_PKCS1_PSS_PADDING: padding, RSA_PSS_SALTLEN_DIGEST: saltLength } = constants;
      return isRsa(key) ? { key, padding, saltLength } : undefined;
    }
    case undefined:
      return undefined;
  }
}

/** A key for PSS alone is none that Go knows. */
function isRsa({ asymmetricKeyType, asymmetricKeyDetails }: KeyObject): boolean {
  return asymmetricKeyType === "rsa" && (asymmetricKeyDetails?.modulusLength ?? 0) >= minRsaBits;
}
