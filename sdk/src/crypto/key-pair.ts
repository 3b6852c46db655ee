import { createPrivateKey, generateKeyPair as generate, type KeyObject } from "node:crypto";
import { promisify } from "node:util";
import { Code } from "../status/code.ts";
import { StatusError } from "../status/status-error.ts";
import { parsePem } from "./pem.ts";

/** Key types that can be made, by SPIRE's configuration names. */
export type KeyPairType = "ec-p256" | "ec-p384" | "rsa-2048" | "rsa-4096";

const generateAsync = promisify(generate);

/** Makes a private key, off the event loop. */
export async function generatePrivateKey(type: KeyPairType): Promise<KeyObject> {
  switch (type) {
    case "ec-p256":
      return (await generateAsync("ec", { namedCurve: "P-256" })).privateKey;
    case "ec-p384":
      return (await generateAsync("ec", { namedCurve: "P-384" })).privateKey;
    case "rsa-2048":
      return (await generateAsync("rsa", { modulusLength: 2048 })).privateKey;
    case "rsa-4096":
      return (await generateAsync("rsa", { modulusLength: 4096 })).privateKey;
  }
}

/** @throws {StatusError} InvalidArgument `PRIVATE_KEY_MALFORMED`, without a word of the key. */
export function parsePrivateKeyDer(pkcs8Der: Buffer): KeyObject {
  try {
    return createPrivateKey({ key: pkcs8Der, format: "der", type: "pkcs8" });
  } catch {
    throw new StatusError(Code.InvalidArgument, "PRIVATE_KEY_MALFORMED", "malformed private key");
  }
}

/**
 * The first private key of a PEM text: PKCS#8, PKCS#1 or SEC 1, unencrypted.
 *
 * @throws {StatusError} InvalidArgument `PRIVATE_KEY_MALFORMED`, without a word of the key.
 */
export function parsePrivateKeyPem(text: string): KeyObject {
  const block = parsePem(text).find(({ label }) => label.endsWith("PRIVATE KEY"));
  if (block === undefined)
    throw new StatusError(Code.InvalidArgument, "PRIVATE_KEY_MALFORMED", "no private key found");
  const type = ({ "RSA PRIVATE KEY": "pkcs1", "EC PRIVATE KEY": "sec1" } as const)[block.label] ?? "pkcs8";
  try {
    return createPrivateKey({ key: block.der, format: "der", type });
  } catch {
    throw new StatusError(Code.InvalidArgument, "PRIVATE_KEY_MALFORMED", "malformed private key");
  }
}
