import type { KeyObject } from "node:crypto";
import { readFileSync } from "node:fs";
import { Code, type CoreConfig, StatusError } from "@finial/sdk";
import { Certificate, PublicKey, parseCertificatesPem, parsePrivateKeyPem } from "@finial/sdk/crypto";
import { decodeConfig, string } from "@finial/sdk/hcl";
import type { TrustDomain } from "@finial/sdk/spiffe";

export interface Config {
  readonly trustDomain: TrustDomain;
  /** The root, with its key. */
  readonly certificate: Certificate;
  readonly privateKey: KeyObject;
}

/**
 * Reads `plugin_data`, and the files that it names.
 *
 * @throws {StatusError} InvalidArgument; one problem a line.
 */
export function parseConfig(text: string, { trustDomain }: CoreConfig): Config {
  const fields = { cert_file: string({ required: true }), key_file: string({ required: true }) };
  const { cert_file: certFile, key_file: keyFile } = decodeConfig(text, fields, { filename: "plugin_data" });
  const [certificate, ...others] = readPem("cert_file", certFile, (pem) =>
    parseCertificatesPem(pem).map((der) => Certificate.parse(der)),
  );
  const privateKey = readPem("key_file", keyFile, parsePrivateKeyPem);
  if (certificate === undefined || others.length > 0 || !certificate.isCa)
    throw invalid(`cert_file ${certFile} must have one certificate, that of a root CA`);
  if (!certificate.publicKey.equals(PublicKey.of(privateKey)))
    throw invalid(`key_file ${keyFile} is not the key of ${certFile}`);
  return { trustDomain, certificate, privateKey };
}

function readPem<T>(key: string, path: string, parse: (pem: string) => T): T {
  try {
    return parse(readFileSync(path, "utf8"));
  } catch (cause) {
    throw invalid(`${key} ${path}: ${StatusError.from(cause).message}`);
  }
}

function invalid(message: string): StatusError {
  return new StatusError(Code.InvalidArgument, "CONFIG_FILES", message);
}
