import type { KeyObject } from "node:crypto";
import { readFile } from "node:fs/promises";
import { getSystemErrorMessage } from "node:util";
import { Code, StatusError } from "@finial/sdk";
import { Certificate, type PemBlock, parsePem, parsePrivateKeyPem } from "@finial/sdk/crypto";

const certificateLabels = ["CERTIFICATE"];
const privateKeyLabels = ["PRIVATE KEY", "RSA PRIVATE KEY", "EC PRIVATE KEY"];

/**
 * The certificates of a PEM file that has nothing else in it.
 *
 * @returns at least one, in the file's order.
 * @throws {StatusError} InvalidArgument.
 */
export async function loadCertificates(path: string): Promise<readonly [Certificate, ...Certificate[]]> {
  const blocks = parseBlocks(await readText(path), certificateLabels);
  const [first, ...others] = blocks.map(({ label, der }, index) => {
    try {
      return Certificate.parse(der);
    } catch (error) {
      throw refused(`unable to parse "${label}" PEM block ${index + 1}: ${StatusError.from(error).message}`);
    }
  });
  if (first === undefined) throw refused("no PEM blocks");
  return [first, ...others];
}

/**
 * The private key of a PEM file that has nothing else in it: PKCS#8, PKCS#1 or SEC 1, unencrypted.
 *
 * @throws {StatusError} InvalidArgument, without a word of the key.
 */
export async function loadPrivateKey(path: string): Promise<KeyObject> {
  const text = await readText(path);
  const blocks = parseBlocks(text, privateKeyLabels);
  if (blocks.length !== 1) throw refused(`expected 1 PEM blocks; got ${blocks.length}`);
  try {
    return parsePrivateKeyPem(text);
  } catch (error) {
    throw refused(`unable to parse "${blocks[0]?.label}" PEM block 1: ${StatusError.from(error).message}`);
  }
}

function parseBlocks(text: string, labels: readonly string[]): readonly PemBlock[] {
  const blocks = parsePem(text);
  if (blocks.length === 0) throw refused("no PEM blocks");
  const other = blocks.find(({ label }) => !labels.includes(label));
  if (other !== undefined) {
    const quoted = labels.map((label) => `"${label}"`).join(" ");
    throw refused(
      `expected block type ${labels.length === 1 ? quoted : `[${quoted}]`}; got "${other.label}"`,
    );
  }
  return blocks;
}

/** A system error in the words operators know from SPIRE: `open /x: permission denied`. */
async function readText(path: string): Promise<string> {
  try {
    return await readFile(path, "utf8");
  } catch (error) {
    const { errno, syscall = "open" } = error as NodeJS.ErrnoException;
    if (errno === undefined) throw error;
    throw refused(`${syscall} ${path}: ${getSystemErrorMessage(errno)}`, error);
  }
}

function refused(message: string, cause?: unknown): StatusError {
  return new StatusError(Code.InvalidArgument, "PEM_FILE", message, { cause });
}
