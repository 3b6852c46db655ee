import { Code, StatusError } from "@finial/sdk";
import type { KeyRing } from "./key-ring.ts";

/** @throws {StatusError} InvalidArgument, or NotFound `KEY_NOT_FOUND`. */
export function exportKey(keys: KeyRing, keyId: string): { readonly privateKey: Buffer } {
  if (keyId === "") throw new StatusError(Code.InvalidArgument, "KEY_REQUEST_INVALID", "key id is required");
  const entry = keys.find(keyId);
  if (entry === undefined) throw new StatusError(Code.NotFound, "KEY_NOT_FOUND", `no such key "${keyId}"`);
  return { privateKey: entry.privateKey.export({ format: "der", type: "pkcs8" }) };
}
