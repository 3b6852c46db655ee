import { Code, type CoreConfig, StatusError } from "@finial/sdk";
import { decodeConfig, string } from "@finial/sdk/hcl";
import type { TrustDomain } from "@finial/sdk/spiffe";

export interface Config {
  readonly trustDomain: TrustDomain;
  /** PEM: the CA's certificate, and after it those between it and the bundle. */
  readonly certFilePath: string;
  /** PEM: the CA's private key. */
  readonly keyFilePath: string;
  /** PEM: the trust anchors; undefined when the CA signed its own certificate. */
  readonly bundleFilePath: string | undefined;
}

/** @throws {StatusError} InvalidArgument; one problem a line. */
export function parseConfig(text: string, { trustDomain }: CoreConfig): Config {
  const path = string({ default: "" });
  const { cert_file_path, key_file_path, bundle_file_path } = decodeConfig(
    text,
    { cert_file_path: path, key_file_path: path, bundle_file_path: path },
    { filename: "plugin_data" },
  );
  if (cert_file_path === "" || key_file_path === "")
    throw new StatusError(
      Code.InvalidArgument,
      "FILES_REQUIRED",
      "'cert_file_path' and 'key_file_path' must be set and not empty",
    );
  return {
    trustDomain,
    certFilePath: cert_file_path,
    keyFilePath: key_file_path,
    bundleFilePath: bundle_file_path === "" ? undefined : bundle_file_path,
  };
}
