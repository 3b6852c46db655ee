import type { KeyObject } from "node:crypto";
import { Code, StatusError } from "@finial/sdk";
import { type Certificate, ExtendedKeyUsageOid, PublicKey, verifyChain } from "@finial/sdk/crypto";
import type { Config } from "./config.ts";
import { loadCertificates, loadPrivateKey } from "./pem-file.ts";
import type { UpstreamCa } from "./upstream-ca.ts";

/**
 * Reads the CA from its files, and checks that it is one.
 *
 * @throws {StatusError} InvalidArgument `UPSTREAM_CA_…`.
 */
export async function loadUpstreamCa(config: Config, now: Date): Promise<UpstreamCa> {
  const privateKey = await explained("key", loadPrivateKey(config.keyFilePath));
  const chain = await explained("cert", loadCertificates(config.certFilePath));
  const [certificate, ...above] = chain;
  if (config.bundleFilePath === undefined && above.length > 0)
    throw refused("BUNDLE", "with no bundle_file_path configured only self-signed CAs are supported");
  const roots =
    config.bundleFilePath === undefined
      ? chain
      : await explained("bundle", loadCertificates(config.bundleFilePath));
  checkKey(privateKey, certificate);
  checkCertificate(chain, roots, now);
  return {
    trustDomain: config.trustDomain,
    certificate,
    privateKey,
    chain: config.bundleFilePath === undefined ? [] : chain,
    roots,
  };
}

function checkKey(privateKey: KeyObject, certificate: Certificate): void {
  const publicKey = PublicKey.of(privateKey);
  if (publicKey.type === "other")
    throw refused("KEY", "unable to load upstream CA key: it is neither RSA nor of P-256, P-384 or P-521");
  if (!publicKey.equals(certificate.publicKey))
    throw refused("KEY_MISMATCH", "unable to load upstream CA: certificate and private key do not match");
}

function checkCertificate(
  chain: readonly [Certificate, ...Certificate[]],
  roots: readonly Certificate[],
  now: Date,
): void {
  try {
    // Go asks for server authentication where nothing is said, and SPIRE says nothing.
    verifyChain({ chain, anchors: roots, now, extendedKeyUsage: ExtendedKeyUsageOid.serverAuth });
  } catch (error) {
    throw refused(
      "UNVERIFIED",
      "unable to load upstream CA: certificate cannot be validated with the provided bundle or is not self-signed",
      error,
    );
  }
  const [{ isCa, keyUsage }] = chain;
  if (!isCa || keyUsage?.has("keyCertSign") === false)
    throw refused("NOT_CA", "unable to load upstream CA: certificate may not sign certificates");
}

async function explained<T>(what: string, loading: Promise<T>): Promise<T> {
  try {
    return await loading;
  } catch (error) {
    const { message } = StatusError.from(error);
    throw refused("FILE", `unable to load upstream CA ${what}: ${message}`, error);
  }
}

function refused(reason: string, message: string, cause?: unknown): StatusError {
  return new StatusError(Code.InvalidArgument, `UPSTREAM_CA_${reason}`, message, { cause });
}
