import { constants, type KeyObject, type VerifyKeyObjectInput, verify } from "node:crypto";
import { promisify } from "node:util";
import { Code, StatusError } from "@finial/sdk";
import { type Challenge, nonceBytes } from "./challenge.ts";
import { parseResponse, type Response } from "./response.ts";

const verifyAsync: (
  hash: string,
  message: Buffer,
  key: VerifyKeyObjectInput,
  signature: Buffer,
) => Promise<boolean> = promisify(verify);

/** Octets of the order of each curve. */
const orderBytes: Readonly<Record<string, number>> = {
  secp224r1: 28,
  prime256v1: 32,
  secp384r1: 48,
  secp521r1: 66,
};

/**
 * Checks that whoever answered a challenge holds the key.
 *
 * @param key of the kind the challenge was made for.
 * @throws {StatusError} InvalidArgument when it is no answer; PermissionDenied when it is a wrong one.
 */
export async function verifyResponse(key: KeyObject, challenge: Challenge, bytes: Buffer): Promise<void> {
  const response = parseResponse(bytes, challenge.kind);
  const kind = challenge.kind.toUpperCase();
  if (response === undefined) throw refused(`expecting ${kind} response`);
  if (response.nonce.length !== nonceBytes) throw refused("invalid response nonce");
  const message = Buffer.concat([challenge.nonce, response.nonce]);
  if (!(await isSigned(key, message, response))) throw refused(`${kind} signature verify failed`);
}

async function isSigned(key: KeyObject, message: Buffer, response: Response): Promise<boolean> {
  if (response.kind === "rsa") {
    const { RSA_PKCS1_PSS_PADDING: padding, RSA_PSS_SALTLEN_AUTO: saltLength } = constants;
    return await valid(verifyAsync("sha256", message, { key, padding, saltLength }, response.signature));
  }
  const width = orderBytes[key.asymmetricKeyDetails?.namedCurve ?? ""];
  if (width === undefined || response.r.length > width || response.s.length > width) return false;
  const signature = Buffer.concat([padded(response.r, width), padded(response.s, width)]);
  return await valid(verifyAsync("sha256", message, { key, dsaEncoding: "ieee-p1363" }, signature));
}

/** OpenSSL refuses to try some signatures, such as those of another length: they are wrong, too. */
async function valid(verification: Promise<boolean>): Promise<boolean> {
  return await verification.catch(() => false);
}

function padded(number: Buffer, width: number): Buffer {
  return Buffer.concat([Buffer.alloc(width - number.length), number]);
}

function refused(why: string): StatusError {
  return new StatusError(
    Code.PermissionDenied,
    "RESPONSE_WRONG",
    `challenge response verification failed: ${why}`,
  );
}
