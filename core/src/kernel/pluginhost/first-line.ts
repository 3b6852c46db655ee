import { maxLineLength } from "./lines.ts";

/**
 * Takes a plugin's standard output in any pieces for its first line; everything after it is thrown away.
 */
export class FirstLine {
  /** Without its end; what there was when the output ended, or was too long for a line that says where a socket is. */
  readonly found: Promise<string>;
  readonly #resolve: (line: string) => void;
  #text: string | undefined = "";

  constructor() {
    const { promise, resolve } = Promise.withResolvers<string>();
    this.found = promise;
    this.#resolve = resolve;
  }

  write(text: string): void {
    if (this.#text === undefined) return;
    this.#text += text;
    const end = this.#text.indexOf("\n");
    if (end >= 0) this.#finish(this.#text.slice(0, end));
    else if (this.#text.length > maxLineLength) this.end();
  }

  end(): void {
    if (this.#text !== undefined) this.#finish(this.#text);
  }

  #finish(line: string): void {
    this.#text = undefined;
    this.#resolve(line);
  }
}
