/** go-plugin's own host reads no more of a line either. */
export const maxLineLength = 64 << 10;

/** Makes lines of text that comes in any pieces: the same text gives the same lines. */
export class Lines {
  readonly #take: (line: string, isWhole: boolean) => void;
  #rest = "";
  #isCut = false;

  /** @param take is given a line without its end; of one that is too long, piece after piece, none of them whole. */
  constructor(take: (line: string, isWhole: boolean) => void) {
    this.#take = take;
  }

  write(text: string): void {
    let start = 0;
    for (let end = text.indexOf("\n"); end >= 0; end = text.indexOf("\n", start)) {
      this.#append(text.slice(start, end));
      this.end();
      start = end + 1;
    }
    this.#append(text.slice(start));
  }

  /** What came without a line end. */
  end(): void {
    const line = this.#rest;
    const isWhole = !this.#isCut;
    this.#rest = "";
    this.#isCut = false;
    if (line !== "") this.#take(line.endsWith("\r") ? line.slice(0, -1) : line, isWhole);
  }

  #append(piece: string): void {
    this.#rest += piece;
    while (this.#rest.length > maxLineLength) {
      this.#take(this.#rest.slice(0, maxLineLength), false);
      this.#rest = this.#rest.slice(maxLineLength);
      this.#isCut = true;
    }
  }
}
