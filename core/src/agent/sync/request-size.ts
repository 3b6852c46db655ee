/** How many SVIDs to ask for at once: half as many after each failure, twice as many after each success. */
export class RequestSize {
  readonly #max: number;
  #current: number;

  constructor(max: number) {
    this.#max = max;
    this.#current = max;
  }

  get current(): number {
    return this.#current;
  }

  succeeded(): void {
    this.#current = Math.min(this.#current * 2, this.#max);
  }

  failed(): void {
    this.#current = Math.max(Math.floor(this.#current / 2), 1);
  }
}
