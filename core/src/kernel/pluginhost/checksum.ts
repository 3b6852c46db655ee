import { createHash, timingSafeEqual } from "node:crypto";
import { createReadStream } from "node:fs";
import { Code, StatusError } from "@finial/sdk";

const hexDigits = 64;

/**
 * Compares a file with the SHA-256 it should have.
 *
 * @param sha256 64 hex digits.
 * @throws {StatusError} InvalidArgument when `sha256` is none, FailedPrecondition `CHECKSUM` when the file differs or cannot be read.
 */
export async function verifyChecksum(file: string, sha256: string): Promise<void> {
  if (!/^([0-9a-f]{2})*$/i.test(sha256))
    throw new StatusError(Code.InvalidArgument, "CHECKSUM", "checksum is not a valid hex string");
  if (sha256.length !== hexDigits)
    throw new StatusError(
      Code.InvalidArgument,
      "CHECKSUM",
      `expected checksum of length ${hexDigits}; got ${sha256.length}`,
    );
  if (!timingSafeEqual(await hashOf(file), Buffer.from(sha256, "hex")))
    throw new StatusError(
      Code.FailedPrecondition,
      "CHECKSUM",
      `failed to launch plugin: checksums did not match for "${file}"`,
    );
}

async function hashOf(file: string): Promise<Buffer> {
  const hash = createHash("sha256");
  try {
    for await (const chunk of createReadStream(file)) hash.update(chunk);
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error);
    throw new StatusError(
      Code.FailedPrecondition,
      "CHECKSUM",
      `failed to launch plugin: error verifying checksum: ${why}`,
      { cause: error },
    );
  }
  return hash.digest();
}
