import { createHash, timingSafeEqual } from "node:crypto";
import { createReadStream } from "node:fs";
import { Code, StatusError } from "@finial/sdk";

const hexDigits = 64;

/**
 * Compares a file with the SHA-256 it should have.
 *
 * @param sha256 64 hex digits.
 * @param options.named what messages call the file, when it is a copy.
 * @throws {StatusError} InvalidArgument when `sha256` is none, FailedPrecondition `CHECKSUM` when the file differs or cannot be read.
 */
export async function verifyChecksum(
  file: string,
  sha256: string,
  { named = file }: { readonly named?: string } = {},
): Promise<void> {
  const expected = parseSha256(sha256);
  if (!timingSafeEqual(await hashOf(file), expected))
    throw new StatusError(
      Code.FailedPrecondition,
      "CHECKSUM",
      `failed to launch plugin: checksums did not match for "${named}"`,
    );
}

/** @throws {StatusError} InvalidArgument `CHECKSUM` in SPIRE's words. */
export function parseSha256(sha256: string): Buffer {
  if (!/^([0-9a-f]{2})*$/i.test(sha256))
    throw new StatusError(Code.InvalidArgument, "CHECKSUM", "checksum is not a valid hex string");
  if (sha256.length !== hexDigits)
    throw new StatusError(
      Code.InvalidArgument,
      "CHECKSUM",
      `expected checksum of length ${hexDigits}; got ${sha256.length}`,
    );
  return Buffer.from(sha256, "hex");
}

async function hashOf(file: string): Promise<Buffer> {
  const hash = createHash("sha256");
  try {
    for await (const chunk of createReadStream(file)) hash.update(chunk);
  } catch (error) {
    throw unreadable(error);
  }
  return hash.digest();
}

export function unreadable(cause: unknown): StatusError {
  const why = cause instanceof Error ? cause.message : String(cause);
  return new StatusError(
    Code.FailedPrecondition,
    "CHECKSUM",
    `failed to launch plugin: error verifying checksum: ${why}`,
    { cause },
  );
}
