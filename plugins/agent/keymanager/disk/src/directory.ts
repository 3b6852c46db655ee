import { mkdir, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { Code, StatusError } from "@finial/sdk";

/** Makes the folder if need be, and finds out now, not at the first rotation, whether it can be written to. */
export async function openDirectory(path: string): Promise<void> {
  const probe = join(path, ".probe");
  try {
    await mkdir(path, { recursive: true, mode: 0o700 });
    await writeFile(probe, "", { mode: 0o600 });
    await rm(probe);
  } catch (error) {
    throw new StatusError(
      Code.FailedPrecondition,
      "DIRECTORY_UNUSABLE",
      `directory validation failed: ${error instanceof Error ? error.message : String(error)}`,
      { cause: error },
    );
  }
}
