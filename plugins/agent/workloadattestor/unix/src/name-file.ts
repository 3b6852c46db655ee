import { readFileSync, statSync } from "node:fs";

/** Names by number, of `/etc/passwd` or `/etc/group`; read again when the file has changed. */
export class NameFile {
  readonly #path: string;
  #version = "";
  #names: ReadonlyMap<string, string> = new Map();

  constructor(path: string) {
    this.#path = path;
  }

  /** The names by number as they are now; none when the file cannot be read. Asked for each workload: without the thread pool. */
  read(): ReadonlyMap<string, string> {
    try {
      const { mtimeNs, ctimeNs, ino, size } = statSync(this.#path, { bigint: true });
      const version = `${mtimeNs} ${ctimeNs} ${ino} ${size}`;
      if (version !== this.#version) {
        this.#names = parseNames(readFileSync(this.#path, "utf8"));
        this.#version = version;
      }
      return this.#names;
    } catch {
      // A name is an extra; the number stands without it. What was read before may be wrong now.
      this.#version = "";
      return new Map();
    }
  }
}

/** The first line of a number counts; `+` and `-` lines are another service's. @see passwd(5), group(5) */
export function parseNames(text: string): ReadonlyMap<string, string> {
  const names = new Map<string, string>();
  for (const line of text.split("\n")) {
    const [name = "", , id = ""] = line.split(":");
    if (/^[+-]|^#|^$/.test(name) || !/^\d+$/.test(id)) continue;
    const number = String(Number(id));
    if (!names.has(number)) names.set(number, name);
  }
  return names;
}
