import { constants, type KeyObject, type SignKeyObjectInput, sign } from "node:crypto";
import { promisify } from "node:util";
import { Code, StatusError } from "@finial/sdk";
import { nonceBytes, parseChallenge } from "./challenge.ts";
import { findKeyKind } from "./key-kind.ts";
import { encodeResponse } from "./response.ts";

const signAsync: (hash: string, message: Buffer, key: SignKeyObjectInput) => Promise<Buffer> =
  promisify(sign);

/**
 * Proves to hold a key.
 *
 * @param randomBytes the responder's share, so that nobody else chooses what is signed.
 * @returns the encoded response.
 * @throws {StatusError} Internal for a challenge that is none, or a key of another kind.
 */
export async function answerChallenge(
  key: KeyObject,
  challenge: Buffer,
  randomBytes: (length: number) => Buffer,
): Promise<Buffer> {
  const kind = findKeyKind(key);
  if (kind === undefined)
    throw new StatusError(
      Code.Internal,
      "KEY_TYPE",
      "failed to calculate challenge response: unsupported private key type",
    );
  const asked = parseChallenge(challenge, kind);
  const nonce = randomBytes(nonceBytes);
  const message = Buffer.concat([asked.nonce, nonce]);
  if (kind === "rsa") {
    const { RSA_PKCS1_PSS_PADDING: padding, RSA_PSS_SALTLEN_MAX_SIGN: saltLength } = constants;
    return encodeResponse({
      kind,
      nonce,
      signature: await signAsync("sha256", message, { key, padding, saltLength }),
    });
  }
  const both = await signAsync("sha256", message, { key, dsaEncoding: "ieee-p1363" });
  const half = both.length / 2;
  return encodeResponse({ kind, nonce, r: both.subarray(0, half), s: both.subarray(half) });
}
