import { rename, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { Code, StatusError } from "@finial/sdk";
import { toPem } from "@finial/sdk/crypto";

const namePattern = /^[A-Za-z0-9_-][A-Za-z0-9._-]*$/;

/**
 * Where an SVID goes.
 *
 * @param metadata an entry's selector values: `name:web` is the file `web.pem`.
 * @throws {StatusError} InvalidArgument when they name no file of the directory.
 */
export function svidFile(directory: string, metadata: readonly string[]): string {
  const [name, ...others] = metadata.flatMap((value) => (value.startsWith("name:") ? [value.slice(5)] : []));
  if (name === undefined || others.length > 0 || !namePattern.test(name))
    throw new StatusError(Code.InvalidArgument, "METADATA", "an entry needs one selector name:FILE");
  return join(directory, `${name}.pem`);
}

/** Writes key, chain and bundle; readers find the old file or the new one. @throws {StatusError} Internal. */
export async function writeSvid(
  file: string,
  svid: {
    readonly privateKey: Buffer;
    readonly certChain: readonly Buffer[];
    readonly bundle: readonly Buffer[];
  },
): Promise<void> {
  const certificates = [...svid.certChain, ...svid.bundle].map((der) => toPem("CERTIFICATE", der));
  const beside = `${file}.new`;
  try {
    await writeFile(beside, [toPem("PRIVATE KEY", svid.privateKey), ...certificates].join(""), {
      mode: 0o600,
    });
    await rename(beside, file);
  } catch (cause) {
    throw failed("write", file, cause);
  }
}

/** One that is not there is no matter. @throws {StatusError} Internal. */
export async function removeSvid(file: string): Promise<void> {
  try {
    await rm(file, { force: true });
  } catch (cause) {
    throw failed("remove", file, cause);
  }
}

function failed(what: string, file: string, cause: unknown): StatusError {
  const message = `cannot ${what} ${file}: ${StatusError.from(cause).message}`;
  return new StatusError(Code.Internal, "SVID_FILE", message, { cause });
}
