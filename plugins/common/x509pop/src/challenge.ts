import { Code, StatusError } from "@finial/sdk";
import type { Certificate } from "@finial/sdk/crypto";
import { encodeMessage, objectOf, octetsOf, parseMessage } from "./json-message.ts";
import { findKeyKind, type KeyKind } from "./key-kind.ts";

/** Both nonces, the challenger's and the responder's, are this long. */
export const nonceBytes = 32;

/** What the server asks to be signed. */
export interface Challenge {
  readonly kind: KeyKind;
  readonly nonce: Buffer;
}

/**
 * A challenge for the holder of a certificate's key.
 *
 * @param randomBytes gives octets nobody can foresee.
 * @throws {StatusError} Internal when the certificate or its key is not for signatures.
 */
export function makeChallenge(
  { keyUsage, publicKey }: Certificate,
  randomBytes: (length: number) => Buffer,
): Challenge {
  if (!keyUsage?.has("digitalSignature"))
    throw new StatusError(
      Code.Internal,
      "KEY_USAGE",
      "unable to generate challenge: certificate not intended for digital signature use",
    );
  const kind = findKeyKind(publicKey.keyObject);
  if (kind === undefined)
    throw new StatusError(
      Code.Internal,
      "KEY_TYPE",
      "unable to generate challenge: unsupported public key type",
    );
  return { kind, nonce: randomBytes(nonceBytes) };
}

export function encodeChallenge({ kind, nonce }: Challenge): Buffer {
  const signature = { nonce: nonce.toString("base64") };
  return encodeMessage({
    rsa_signature: kind === "rsa" ? signature : null,
    ecdsa_signature: kind === "ecdsa" ? signature : null,
  });
}

/**
 * Reads a challenge to the holder of a key of this kind.
 *
 * @throws {StatusError} Internal: the other half of the method is to blame.
 */
export function parseChallenge(bytes: Buffer, kind: KeyKind): Challenge {
  try {
    const asked = parseMessage(bytes)[`${kind}_signature`] ?? null;
    if (asked === null)
      throw new StatusError(
        Code.Internal,
        "CHALLENGE_KIND",
        `failed to calculate challenge response: expecting ${kind.toUpperCase()} challenge`,
      );
    const nonce = octetsOf(objectOf(asked, "the challenge").nonce, "the nonce");
    if (nonce.length !== nonceBytes)
      throw new StatusError(
        Code.Internal,
        "CHALLENGE_NONCE",
        "failed to calculate challenge response: invalid challenge nonce",
      );
    return { kind, nonce };
  } catch (error) {
    if (!(error instanceof SyntaxError)) throw error;
    throw new StatusError(
      Code.Internal,
      "CHALLENGE_MALFORMED",
      `unable to unmarshal challenge: ${error.message}`,
    );
  }
}
