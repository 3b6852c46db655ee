import { type ChildProcess, spawn } from "node:child_process";
import { cpSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { exitOf } from "./child.ts";

/** What its process does until it is told to end: now a file, now the folder around it, is another and the right one again. */
const program = `
import { linkSync, renameSync, rmSync, writeSync } from "node:fs";
const [folder, evilFolder, file, good, evil] = process.argv.slice(1);
const wait = new Int32Array(new SharedArrayBuffer(4));
const put = (source) => {
  rmSync(good + ".next", { force: true });
  linkSync(source, good + ".next");
  renameSync(good + ".next", folder + "/" + file);
};
let swaps = 0;
let ended = false;
process.stdin.on("end", () => { ended = true; });
process.stdin.resume();
const turn = () => {
  if (swaps % 2 === 0) {
    put(evil);
    Atomics.wait(wait, 0, 0, Math.random() * 4);
    put(good);
  } else {
    renameSync(folder, folder + ".good");
    renameSync(evilFolder, folder);
    Atomics.wait(wait, 0, 0, Math.random() * 4);
    renameSync(folder, evilFolder);
    renameSync(folder + ".good", folder);
  }
  swaps++;
  if (ended) writeSync(1, String(swaps));
  else setTimeout(turn, Math.random() * 12);
};
turn();
`;

/** Somebody who can write where a plugin lies, and puts another in its place for moments. */
export class Swapper implements AsyncDisposable {
  readonly #child: ChildProcess;
  readonly #leftovers: readonly string[];
  #said = "";

  private constructor(child: ChildProcess, leftovers: readonly string[]) {
    this.#child = child;
    this.#leftovers = leftovers;
    child.stdout?.setEncoding("utf8").on("data", (text: string) => {
      this.#said += text;
    });
  }

  /** @param options.evil what the file holds when it is not the right one; as long as the right one. */
  static async start({
    folder,
    file,
    evil,
  }: {
    readonly folder: string;
    readonly file: string;
    readonly evil: string;
  }): Promise<Swapper> {
    const good = `${folder}.good-file`;
    const evilFile = `${folder}.evil-file`;
    const evilFolder = `${folder}.evil`;
    const { size, mode } = statSync(join(folder, file));
    cpSync(join(folder, file), good);
    writeFileSync(evilFile, evil.padEnd(size), { mode: mode & 0o777 });
    cpSync(folder, evilFolder, { recursive: true });
    rmSync(join(evilFolder, file));
    writeFileSync(join(evilFolder, file), readFileSync(evilFile), { mode: mode & 0o777 });
    const child = spawn(
      process.execPath,
      ["--input-type=module", "--eval", program, folder, evilFolder, file, good, evilFile],
      { stdio: ["pipe", "pipe", "inherit"] },
    );
    return new Swapper(child, [good, evilFile, evilFolder]);
  }

  /** Has it end. @returns how often it has swapped. */
  async count(): Promise<number> {
    this.#child.stdin?.end();
    const status = await exitOf(this.#child);
    if (status !== 0) throw new Error(`who swaps files ended with ${status}`);
    return Number(this.#said);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#child.kill("SIGKILL");
    await exitOf(this.#child);
    for (const path of this.#leftovers) rmSync(path, { recursive: true, force: true });
  }
}
