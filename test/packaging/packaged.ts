import { createHash } from "node:crypto";
import { copyFileSync, cpSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type Finished, runCommand } from "../support/child.ts";

export const root: string = join(import.meta.dirname, "..", "..");

/** A folder of its own, gone when it is disposed of. */
export class Folder implements Disposable {
  readonly path: string = mkdtempSync(join(tmpdir(), "packaging-"));

  /** @returns the path of what has this name in it. */
  at(...names: readonly string[]): string {
    return join(this.path, ...names);
  }

  [Symbol.dispose](): void {
    rmSync(this.path, { recursive: true, force: true });
  }
}

/** Has `scripts/pack.ts` or `scripts/release.ts` write to a folder. @param only what to pack, by its folder. @throws with what it said when it fails. */
export async function runScript(
  script: "pack" | "release",
  out: string,
  ...only: readonly string[]
): Promise<void> {
  const command = [
    process.execPath,
    "--conditions=source",
    join(root, "scripts", `${script}.ts`),
    "--out",
    out,
    ...only,
  ];
  succeed(await runCommand(command));
}

/** @throws with all that a command printed when it failed. */
export function succeed({ status, stdout, stderr }: Finished): string {
  if (status !== 0) throw new Error(`ended with ${status}:\n${stdout}${stderr}`);
  return stdout;
}

/** Puts this Node, and nothing else, into a folder. @returns what a PATH with that alone is. */
export function onlyNode(folder: string): string {
  mkdirSync(folder, { recursive: true });
  copyFileSync(process.execPath, join(folder, "node"));
  return folder;
}

/** Puts packages of the checkout, and what they depend on, where `npm install` would, so that no registry is asked. */
export function layIn(names: readonly string[], nodeModules: string): void {
  const laid = new Set<string>();
  const lay = (name: string): void => {
    const from = join(root, "node_modules", name);
    if (laid.has(name) || !existsSync(from)) return;
    laid.add(name);
    cpSync(from, join(nodeModules, name), { recursive: true });
    const { dependencies = {} }: { dependencies?: object } = readJson(join(from, "package.json"));
    for (const dependency of Object.keys(dependencies)) lay(dependency);
  };
  for (const name of names) lay(name);
}

export function readJson<T>(file: string): T {
  return JSON.parse(readFileSync(file, "utf8"));
}

export function sha256Of(file: string): string {
  return createHash("sha256").update(readFileSync(file)).digest("hex");
}
