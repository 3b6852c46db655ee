import {
  accessSync,
  chmodSync,
  constants,
  mkdtempSync,
  readdirSync,
  realpathSync,
  rmSync,
  symlinkSync,
} from "node:fs";
import { copyFile } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import { Code, StatusError } from "@finial/sdk";
import { parseSha256, unreadable, verifyChecksum } from "./checksum.ts";

/**
 * A file that is what its checksum says, and stays so: whoever can change the original between the check and the start, or
 * later, changes nothing of what runs.
 */
export class VerifiedCopy implements Disposable {
  readonly path: string;
  readonly #folder: string;

  private constructor(folder: string, path: string) {
    this.#folder = folder;
    this.path = path;
  }

  /**
   * @param file what the operator named, a link perhaps.
   * @param options.parent a folder only this user can enter.
   * @throws {StatusError} as verifyChecksum.
   */
  static async make(
    file: string,
    { sha256, parent }: { readonly sha256: string; readonly parent: string },
  ): Promise<VerifiedCopy> {
    parseSha256(sha256);
    const folder = mkdtempSync(join(parent, "run-"));
    using stack = new DisposableStack();
    const copy = stack.use(new VerifiedCopy(folder, join(folder, basename(file))));
    await copyInto(copy.path, file);
    // The copy, not the original: what is checked here is what runs.
    await verifyChecksum(copy.path, sha256, { named: file });
    stack.move();
    return copy;
  }

  /**
   * Says so where nothing that lies in this folder may be run.
   *
   * @throws {StatusError} FailedPrecondition `CHECKSUM`.
   */
  requireExecutable(): void {
    try {
      accessSync(this.path, constants.X_OK);
    } catch (cause) {
      throw new StatusError(
        Code.FailedPrecondition,
        "CHECKSUM",
        `failed to launch plugin: what was verified runs from a private copy, and no program may run from ${dirname(dirname(this.#folder))}; set TMPDIR to a folder where programs may run`,
        { cause },
      );
    }
  }

  [Symbol.dispose](): void {
    rmSync(this.#folder, { recursive: true, force: true });
  }
}

/** With links to what lies beside the original, which a program may look for beside itself. */
async function copyInto(path: string, file: string): Promise<void> {
  try {
    const original = realpathSync(file);
    await copyFile(original, path, constants.COPYFILE_FICLONE);
    chmodSync(path, 0o500);
    const beside = dirname(original);
    for (const name of readdirSync(beside))
      if (name !== basename(path)) symlinkSync(join(beside, name), join(dirname(path), name));
  } catch (error) {
    throw unreadable(error);
  }
}
