import { Code, StatusError } from "@finial/sdk";
import { encodeMessage, octetsOf, parseMessage } from "./json-message.ts";

/** Room for many large certificates; an attacker's JSON is not read beyond it. */
const maxPayloadBytes = 1024 * 1024;

/** The payload that an agent begins with. @param chainDer leaf first. */
export function encodeAttestationData(chainDer: readonly Buffer[]): Buffer {
  return encodeMessage({ certificates: chainDer.map((der) => der.toString("base64")) });
}

/**
 * Reads that payload.
 *
 * @param maxIntermediates how many may follow the leaf.
 * @returns DER, leaf first; at least one, none looked into.
 * @throws {StatusError} InvalidArgument.
 */
export function parseAttestationData(
  payload: Buffer,
  { maxIntermediates }: { readonly maxIntermediates: number },
): readonly [Buffer, ...Buffer[]] {
  if (payload.length > maxPayloadBytes)
    throw refused("PAYLOAD_SIZE", `attestation data is larger than ${maxPayloadBytes} bytes`);
  try {
    const { certificates = null } = parseMessage(payload);
    if (certificates !== null && !Array.isArray(certificates))
      throw new SyntaxError("certificates is not a list");
    const [leaf, ...intermediates] = certificates ?? [];
    if (leaf === undefined) throw refused("NO_CERTIFICATE", "no certificate to attest");
    if (intermediates.length > maxIntermediates)
      throw refused("INTERMEDIATES", "too many intermediate certificates");
    return [octetsOf(leaf, "a certificate"), ...intermediates.map((der) => octetsOf(der, "a certificate"))];
  } catch (error) {
    if (!(error instanceof SyntaxError)) throw error;
    throw refused("PAYLOAD_MALFORMED", `failed to unmarshal data: ${error.message}`);
  }
}

function refused(reason: string, message: string): StatusError {
  return new StatusError(Code.InvalidArgument, reason, message);
}
