import { maxLineLength } from "./lines.ts";

/**
 * Takes a plugin's standard output in any pieces for its first line; everything after it is thrown away.
 */
export class FirstLine {
  /** Without its end; what there was when the output ended, or was too long for a line that says where a socket is. */
  readonly found: Promise<string>;
  readonly #resolve: (line: string) => void;
  readonly #onRest: () => void;
  #text: string | undefined = "";
  #hasRest = false;

  /** @param onRest told once when there is more. */
  constructor(onRest: () => void = () => {}) {
    this.#onRest = onRest;
    const { promise, resolve } = Promise.withResolvers<string>();
    this.found = promise;
    this.#resolve = resolve;
  }

  write(text: string): void {
    if (this.#text === undefined) {
      this.#rest(text);
      return;
    }
    this.#text += text;
    const end = this.#text.indexOf("\n");
    if (end >= 0) {
      const rest = this.#text.slice(end + 1);
      this.#finish(this.#text.slice(0, end));
      this.#rest(rest);
    } else if (this.#text.length > maxLineLength) this.end();
  }

  end(): void {
    if (this.#text !== undefined) this.#finish(this.#text);
  }

  #rest(text: string): void {
    if (this.#hasRest || text.trim() === "") return;
    this.#hasRest = true;
    this.#onRest();
  }

  #finish(line: string): void {
    this.#text = undefined;
    this.#resolve(line);
  }
}
