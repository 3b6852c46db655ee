import { accessSync, constants, mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { refusedPackage, type StoredPackage } from "./plugin-store.ts";
import { findUnlisted, readVerified } from "./verify-file.ts";

/**
 * A package of which every byte is what was locked, and stays so: the store may change between the check and the start, or
 * later, and nothing of what runs does.
 */
export class VerifiedTree implements Disposable {
  /** Holds the package's files, and is for this user alone. */
  readonly folder: string;
  readonly #title: string;

  private constructor(folder: string, title: string) {
    this.folder = folder;
    this.#title = title;
  }

  /**
   * @param options.parent a folder only this user can enter.
   * @throws {StatusError} FailedPrecondition `PLUGIN_PACKAGE` naming the first file that is not what was locked.
   */
  static async make(
    { title, folder, tree }: StoredPackage,
    { parent }: { readonly parent: string },
  ): Promise<VerifiedTree> {
    using stack = new DisposableStack();
    const copy = stack.use(new VerifiedTree(mkdtempSync(join(parent, "run-")), title));
    const [unlisted] = await findUnlisted(folder, tree);
    for (const file of tree.files) {
      const bytes = await readVerified(folder, file).catch((error: unknown) => {
        throw refusedFile(title, join(folder, file.path), error);
      });
      const path = join(copy.folder, file.path);
      mkdirSync(dirname(path), { recursive: true, mode: 0o700 });
      // The bytes that were verified, not what the file holds by now.
      await writeFile(path, bytes, { flag: "wx", mode: file.executable ? 0o500 : 0o400 });
    }
    if (unlisted !== undefined)
      throw refusedPackage(title, `${join(folder, unlisted)} is no file of the package that was locked`);
    stack.move();
    return copy;
  }

  /** @throws {StatusError} FailedPrecondition `PLUGIN_PACKAGE` where nothing that lies in this folder may be run. */
  requireExecutable(path: string): void {
    try {
      accessSync(path, constants.X_OK);
    } catch (cause) {
      throw refusedPackage(
        this.#title,
        `what was verified runs from a private copy, and no program may run from ${dirname(this.folder)}; set TMPDIR to a folder where programs may run`,
        cause,
      );
    }
  }

  [Symbol.dispose](): void {
    rmSync(this.folder, { recursive: true, force: true });
  }
}

/**
 * All that is wrong with a package in the store.
 *
 * @returns a sentence each, naming the file; empty: each of its bytes is what was locked.
 */
export async function findDamage({ folder, tree }: StoredPackage): Promise<readonly string[]> {
  const damage: string[] = [];
  for (const file of tree.files)
    await readVerified(folder, file).catch((error: unknown) =>
      damage.push(sentence(join(folder, file.path), error)),
    );
  for (const path of await findUnlisted(folder, tree))
    damage.push(`${join(folder, path)} is no file of the package that was locked`);
  return damage;
}

function refusedFile(title: string, path: string, error: unknown): Error {
  return refusedPackage(title, sentence(path, error), error);
}

function sentence(path: string, error: unknown): string {
  return `${path} is not what was locked: ${error instanceof Error ? error.message : String(error)}`;
}
