import { readFileSync } from "node:fs";
import { getSystemErrorMessage } from "node:util";
import { Code, StatusError } from "@finial/sdk";
import { Certificate, parsePem } from "@finial/sdk/crypto";

/**
 * The certificates of a PEM file; blocks of another kind are passed over.
 *
 * @returns at least one, in the file's order.
 * @throws {StatusError} InvalidArgument `CERTIFICATES_FILE`.
 */
export function loadCertificates(path: string): readonly [Certificate, ...Certificate[]] {
  const [first, ...others] = parsePem(readPemFile(path)).flatMap(({ label, der }, index) => {
    if (label !== "CERTIFICATE") return [];
    try {
      return [Certificate.parse(der)];
    } catch (error) {
      throw refused(
        `unable to parse certificate in block ${index}: ${StatusError.from(error).message}`,
        error,
      );
    }
  });
  if (first === undefined) throw refused("no certificates found in file");
  return [first, ...others];
}

/** @throws {StatusError} InvalidArgument, in the words operators know from SPIRE: `open /x: permission denied`. */
export function readPemFile(path: string): string {
  try {
    return readFileSync(path, "utf8");
  } catch (error) {
    const { errno, syscall = "open" } = error as NodeJS.ErrnoException;
    if (errno === undefined) throw error;
    throw refused(`${syscall} ${path}: ${getSystemErrorMessage(errno)}`, error);
  }
}

function refused(message: string, cause?: unknown): StatusError {
  return new StatusError(Code.InvalidArgument, "CERTIFICATES_FILE", message, { cause });
}
