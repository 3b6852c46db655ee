import { rename, writeFile } from "node:fs/promises";
import { Code, StatusError } from "@finial/sdk";
import { toPem } from "@finial/sdk/crypto";

/** As much of a bundle as the file has. */
export interface X509Authorities {
  readonly x509Authorities: readonly { readonly asn1: Buffer }[];
}

/**
 * Writes a bundle's X.509 authorities in PEM. Readers find the old file or the new one, never a part.
 *
 * @throws {StatusError} Internal when the file cannot be written.
 */
export async function writeBundle(path: string, { x509Authorities }: X509Authorities): Promise<void> {
  const pem = x509Authorities.map(({ asn1 }) => toPem("CERTIFICATE", asn1)).join("");
  const beside = `${path}.new`;
  try {
    await writeFile(beside, pem, { mode: 0o644 });
    await rename(beside, path);
  } catch (cause) {
    throw new StatusError(
      Code.Internal,
      "BUNDLE_FILE",
      `cannot write ${path}: ${StatusError.from(cause).message}`,
      {
        cause,
      },
    );
  }
}
