import type { KeyObject } from "node:crypto";
import { loadCertificates, readPemFile } from "@finial/plugin-common-x509pop";
import { Code, StatusError } from "@finial/sdk";
import { fetchX509Svid } from "@finial/sdk/agent";
import { Certificate, PublicKey, parsePem, parsePrivateKeyPem } from "@finial/sdk/crypto";
import type { Config } from "./config.ts";

/** What the agent attests with. */
export interface Identity {
  /** Leaf first. */
  readonly chainDer: readonly Buffer[];
  readonly privateKey: KeyObject;
}

/**
 * @throws {StatusError} InvalidArgument for files that cannot be used; Unavailable when the Workload API gives nothing.
 */
export async function loadIdentity(config: Config, signal: AbortSignal): Promise<Identity> {
  if (config.source === "files") return loadFiles(config);
  try {
    return await fetchX509Svid(config.address, { signal });
  } catch (error) {
    const { message } = StatusError.from(error);
    throw new StatusError(
      Code.Unavailable,
      "WORKLOAD_API",
      `unable to fetch SVID from workload API: ${message}`,
      { source: "downstream", cause: error },
    );
  }
}

/** @throws {StatusError} InvalidArgument, without a word of the key. */
export function loadFiles(config: Extract<Config, { source: "files" }>): Identity {
  const pair = explained("keypair", () => loadKeyPair(config.certificatePath, config.privateKeyPath));
  const { intermediatesPath } = config;
  if (intermediatesPath === undefined) return pair;
  const intermediates = explained("intermediate certificates", () => loadCertificates(intermediatesPath));
  return { ...pair, chainDer: [...pair.chainDer, ...intermediates.map(({ der }) => der)] };
}

/** Reads what the other half of the method needs not read: the leaf alone, to see that the key is its own. */
function loadKeyPair(certificatePath: string, privateKeyPath: string): Identity {
  const certificateText = readPemFile(certificatePath);
  const keyText = readPemFile(privateKeyPath);
  const chainDer = parsePem(certificateText).flatMap(({ label, der }) =>
    label === "CERTIFICATE" ? [der] : [],
  );
  const [leafDer] = chainDer;
  if (leafDer === undefined) throw refused(`no certificate found in ${certificatePath}`);
  const privateKey = parsePrivateKeyPem(keyText);
  if (!PublicKey.of(privateKey).equals(Certificate.parse(leafDer).publicKey))
    throw refused("tls: private key does not match public key");
  return { chainDer, privateKey };
}

function explained<T>(what: string, load: () => T): T {
  try {
    return load();
  } catch (error) {
    throw refused(`unable to load ${what}: ${StatusError.from(error).message}`, error);
  }
}

function refused(message: string, cause?: unknown): StatusError {
  return new StatusError(Code.InvalidArgument, "IDENTITY_FILES", message, { cause });
}
