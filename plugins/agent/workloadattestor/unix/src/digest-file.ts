import { createHash } from "node:crypto";
import { open } from "node:fs/promises";
import type { StatusError } from "@finial/sdk";
import { internal } from "./internal.ts";

/**
 * The SHA-256 of a file, in hex.
 *
 * @param limitBytes 0: any size.
 * @throws {StatusError} Internal when the file is larger or cannot be read.
 */
export async function digestFile(
  path: string,
  { limitBytes, signal }: { readonly limitBytes: number; readonly signal: AbortSignal },
): Promise<string> {
  try {
    await using file = await open(path);
    const exceeds = (size: number): StatusError =>
      internal(
        "WORKLOAD_SIZE",
        `SHA256 digest: workload ${path} exceeds size limit (${size} > ${limitBytes})`,
      );
    if (limitBytes > 0) {
      const { size } = await file.stat();
      if (size > limitBytes) throw exceeds(size);
    }
    const hash = createHash("sha256");
    let size = 0;
    for await (const chunk of file.createReadStream({ autoClose: false })) {
      signal.throwIfAborted();
      size += chunk.length;
      // It may grow, and some files do not tell their size.
      if (limitBytes > 0 && size > limitBytes) throw exceeds(size);
      hash.update(chunk);
    }
    return hash.digest("hex");
  } catch (error) {
    throw internal("DIGEST", "SHA256 digest", error);
  }
}
