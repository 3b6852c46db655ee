import { Code, StatusError } from "@finial/sdk";
import { encodeMessage, objectOf, octetsOf, parseMessage } from "./json-message.ts";
import type { KeyKind } from "./key-kind.ts";

/** The answer to a challenge: a second nonce, and a signature of both, one after the other. */
export type Response =
  | { readonly kind: "rsa"; readonly nonce: Buffer; readonly signature: Buffer }
  /** Big-endian numbers. */
  | { readonly kind: "ecdsa"; readonly nonce: Buffer; readonly r: Buffer; readonly s: Buffer };

export function encodeResponse(response: Response): Buffer {
  const nonce = response.nonce.toString("base64");
  if (response.kind === "rsa")
    return encodeMessage({
      rsa_signature: { nonce, signature: response.signature.toString("base64") },
      ecdsa_signature: null,
    });
  const { r, s } = response;
  return encodeMessage({
    rsa_signature: null,
    ecdsa_signature: { nonce, r: withoutZeros(r).toString("base64"), s: withoutZeros(s).toString("base64") },
  });
}

/** As Go writes big numbers. */
function withoutZeros(number: Buffer): Buffer {
  const start = number.findIndex((octet) => octet !== 0);
  return start === -1 ? Buffer.alloc(0) : number.subarray(start);
}

/**
 * Reads the answer to a challenge of this kind.
 *
 * @returns undefined when it answers another kind.
 * @throws {StatusError} InvalidArgument.
 */
export function parseResponse(bytes: Buffer, kind: KeyKind): Response | undefined {
  try {
    const answered = parseMessage(bytes)[`${kind}_signature`] ?? null;
    if (answered === null) return undefined;
    const fields = objectOf(answered, "the response");
    const nonce = octetsOf(fields.nonce, "the nonce");
    return kind === "rsa"
      ? { kind, nonce, signature: octetsOf(fields.signature, "the signature") }
      : { kind, nonce, r: octetsOf(fields.r, "r"), s: octetsOf(fields.s, "s") };
  } catch (error) {
    if (!(error instanceof SyntaxError)) throw error;
    throw new StatusError(
      Code.InvalidArgument,
      "RESPONSE_MALFORMED",
      `unable to unmarshal challenge response: ${error.message}`,
    );
  }
}
