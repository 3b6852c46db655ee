import type { Position } from "./ast.ts";
import { problemsError } from "./problem.ts";

/** A place in a text, and the means to read on from it. */
export class Scanner {
  readonly text: string;
  readonly #filename: string | undefined;
  #index = 0;
  #line = 1;
  #lineStart = 0;

  constructor(text: string, filename: string | undefined) {
    this.text = text;
    this.#filename = filename;
  }

  get position(): Position {
    return { line: this.#line, column: this.#index - this.#lineStart + 1 };
  }

  /** The next character, "" at the end. */
  get next(): string {
    return this.text[this.#index] ?? "";
  }

  startsWith(word: string): boolean {
    return this.text.startsWith(word, this.#index);
  }

  /** Takes `count` characters. */
  take(count = 1): string {
    const taken = this.text.slice(this.#index, this.#index + count);
    for (let offset = 0; offset < taken.length; offset++) {
      if (taken[offset] !== "\n") continue;
      this.#line++;
      this.#lineStart = this.#index + offset + 1;
    }
    this.#index += taken.length;
    return taken;
  }

  /** Takes what the sticky pattern matches here, or nothing. */
  match(pattern: RegExp): string | undefined {
    pattern.lastIndex = this.#index;
    const found = pattern.exec(this.text)?.[0];
    return found === undefined ? undefined : this.take(found.length);
  }

  /** @throws {StatusError} InvalidArgument `HCL_SYNTAX`, always. */
  fail(message: string, position: Position = this.position): never {
    throw problemsError("HCL_SYNTAX", [{ position, message }], this.#filename);
  }
}
