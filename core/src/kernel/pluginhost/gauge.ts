/** How many are inside, and when nobody is. */
export class Gauge {
  #inside = 0;
  #waiting: PromiseWithResolvers<void> | undefined;

  get count(): number {
    return this.#inside;
  }

  /** @returns to be called when it is over; what is called again changes nothing. */
  enter(): () => void {
    this.#inside++;
    let inside = true;
    return () => {
      if (!inside) return;
      inside = false;
      this.#inside--;
      if (this.#inside > 0) return;
      this.#waiting?.resolve();
      this.#waiting = undefined;
    };
  }

  /** Resolves as soon as nobody is inside. */
  get empty(): Promise<void> {
    if (this.#inside === 0) return Promise.resolve();
    this.#waiting ??= Promise.withResolvers();
    return this.#waiting.promise;
  }
}
