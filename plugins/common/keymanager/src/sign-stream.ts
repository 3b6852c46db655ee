import { sign } from "node:crypto";
import { setImmediate as immediate } from "node:timers/promises";
import { promisify } from "node:util";
import { Code, StatusError } from "@finial/sdk";
import { SignerHash } from "@finial/sdk/server";
import type { KeyEntry } from "./key-entry.ts";
import type { KeyRing } from "./key-ring.ts";

interface SignRequest {
  readonly id: number;
  readonly keyId: string;
  readonly hash: SignerHash;
  readonly messages: readonly Buffer[];
}

interface SignResponse {
  readonly id: number;
  readonly signatures?: readonly Buffer[];
  readonly keyFingerprint?: string;
  readonly error?: { readonly code: number; readonly message: string };
}

const maxMessages = 64;
const hashes = new Map<SignerHash, string>([
  [SignerHash.HASH_SHA256, "sha256"],
  [SignerHash.HASH_SHA384, "sha384"],
  [SignerHash.HASH_SHA512, "sha512"],
]);
const signAsync = promisify(sign);

/** Answers a Signer stream in order; a request that cannot be answered says so and the stream goes on. */
export async function* signStream(
  keys: () => KeyRing,
  requests: AsyncIterable<SignRequest>,
): AsyncGenerator<SignResponse> {
  for await (const request of requests) {
    yield await answer(keys(), request);
    // What is signed goes out now, and not with the last of many requests that have come together.
    await immediate();
  }
}

async function answer(keys: KeyRing, { id, keyId, hash, messages }: SignRequest): Promise<SignResponse> {
  try {
    const algorithm = hashes.get(hash);
    if (algorithm === undefined) throw refused(Code.InvalidArgument, "HASH", "hash is required");
    if (messages.length > maxMessages)
      throw refused(Code.InvalidArgument, "BATCH_SIZE", `at most ${maxMessages} messages a request`);
    const entry = keys.find(keyId);
    if (entry === undefined) throw refused(Code.NotFound, "KEY_NOT_FOUND", `no such key "${keyId}"`);
    return { id, signatures: await signAll(entry, algorithm, messages), keyFingerprint: entry.fingerprint };
  } catch (thrown) {
    const error = StatusError.from(thrown);
    return { id, error: { code: error.code, message: error.message } };
  }
}

/** EC signatures take microseconds: a trip to the thread pool would cost more. RSA ones take milliseconds. */
async function signAll(
  { type, privateKey }: KeyEntry,
  algorithm: string,
  messages: readonly Buffer[],
): Promise<readonly Buffer[]> {
  if (type === "ec-p256" || type === "ec-p384")
    return messages.map((message) => sign(algorithm, message, privateKey));
  return await Promise.all(messages.map((message) => signAsync(algorithm, message, privateKey)));
}

function refused(code: Code, reason: string, message: string): StatusError {
  return new StatusError(code, reason, message);
}
