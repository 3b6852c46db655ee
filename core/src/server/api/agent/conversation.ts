/** What one side says while it works on something: messages as they come, and an end. Read once. */
export class Conversation<T> implements AsyncIterable<T> {
  readonly #said: T[] = [];
  #end: { readonly error?: unknown } | undefined;
  #wake = Promise.withResolvers<void>();

  say(message: T): void {
    this.#said.push(message);
    this.#wake.resolve();
  }

  /** Says the last message. */
  finish(message: T): void {
    this.#end = {};
    this.say(message);
  }

  /** The reader throws `error` after what was said. */
  fail(error: unknown): void {
    this.#end = { error };
    this.#wake.resolve();
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<T> {
    for (;;) {
      await this.#wake.promise;
      this.#wake = Promise.withResolvers();
      yield* this.#said.splice(0);
      if (this.#end === undefined) continue;
      if ("error" in this.#end) throw this.#end.error;
      return;
    }
  }
}
