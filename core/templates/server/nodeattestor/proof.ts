import { createHmac, timingSafeEqual } from "node:crypto";
import { Code, StatusError } from "@finial/sdk";

/** Safe in the path of a SPIFFE ID. */
const namePattern = /^[A-Za-z0-9_-][A-Za-z0-9._-]{0,62}$/;

/**
 * The name that an agent gives itself.
 *
 * @param payload JSON: `{"name":"…"}`.
 * @throws {StatusError} InvalidArgument, without repeating what was sent.
 */
export function parseName(payload: Buffer): string {
  let parsed: unknown;
  try {
    parsed = JSON.parse(payload.toString());
  } catch (cause) {
    throw new StatusError(Code.InvalidArgument, "PAYLOAD", "the attestation payload is no JSON", { cause });
  }
  const name = typeof parsed === "object" && parsed !== null && "name" in parsed ? parsed.name : undefined;
  if (typeof name !== "string" || !namePattern.test(name))
    throw new StatusError(Code.InvalidArgument, "NAME", "the attestation payload names no agent");
  return name;
}

/** What only who has the secret can say of a challenge. */
export function prove(secret: Buffer, challenge: Buffer, name: string): Buffer {
  return createHmac("sha256", secret).update(challenge).update(name).digest();
}

/** @throws {StatusError} PermissionDenied. */
export function requireProof(secret: Buffer, challenge: Buffer, name: string, proof: Buffer): void {
  const expected = prove(secret, challenge, name);
  if (proof.length !== expected.length || !timingSafeEqual(proof, expected))
    throw new StatusError(Code.PermissionDenied, "PROOF", "the agent does not know the secret");
}
