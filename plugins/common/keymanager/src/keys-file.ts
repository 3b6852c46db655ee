import { readFile } from "node:fs/promises";
import { Code, StatusError } from "@finial/sdk";
import { parsePrivateKeyDer } from "@finial/sdk/crypto";
import { type KeyEntry, makeKeyEntry } from "./key-entry.ts";
import { atomicWritePrivateFile } from "./private-file.ts";

/**
 * Reads SPIRE's key file: `{"keys": {"<id>": "<base64 of PKCS#8>"}}`. No file, no keys.
 *
 * @throws {StatusError} Internal `KEYS_FILE`, naming the file and the key, never its bytes.
 */
export async function loadKeysFile(path: string): Promise<readonly KeyEntry[]> {
  let text: string;
  try {
    text = await readFile(path, "utf8");
  } catch (error) {
    if (error instanceof Error && "code" in error && error.code === "ENOENT") return [];
    throw broken(`unable to read keys from "${path}": ${messageOf(error)}`, error);
  }
  return Object.entries(parseKeys(text, path)).map(([id, value]) => {
    try {
      return makeKeyEntry(id, parsePrivateKeyDer(Buffer.from(value, "base64")));
    } catch (error) {
      throw broken(`unable to parse key "${id}" in "${path}": ${messageOf(error)}`, error);
    }
  });
}

/** @throws {StatusError} Internal `KEYS_FILE`; the old file then stays. */
export async function saveKeysFile(path: string, entries: readonly KeyEntry[]): Promise<void> {
  const keys = Object.fromEntries(
    [...entries]
      .sort((a, b) => (a.id < b.id ? -1 : 1))
      .map(({ id, privateKey }) => [
        id,
        privateKey.export({ format: "der", type: "pkcs8" }).toString("base64"),
      ]),
  );
  try {
    await atomicWritePrivateFile(path, Buffer.from(JSON.stringify({ keys }, null, "\t")));
  } catch (error) {
    throw broken(`unable to write keys to "${path}": ${messageOf(error)}`, error);
  }
}

function parseKeys(text: string, path: string): Readonly<Record<string, string>> {
  let data: unknown;
  try {
    data = JSON.parse(text);
  } catch {
    // The parser's own words quote the text, and the text is keys.
    throw broken(`unable to decode keys JSON in "${path}"`, undefined);
  }
  const keys = typeof data === "object" && data !== null && "keys" in data ? data.keys : undefined;
  if (keys === undefined || keys === null) return {};
  if (typeof keys !== "object" || !Object.values(keys).every((value) => typeof value === "string"))
    throw broken(`unable to decode keys JSON in "${path}": "keys" must map ids to base64 text`, undefined);
  return keys as Readonly<Record<string, string>>;
}

function broken(message: string, cause: unknown): StatusError {
  return new StatusError(Code.Internal, "KEYS_FILE", message, { cause });
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
