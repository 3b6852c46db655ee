import { setImmediate as nextTurn } from "node:timers/promises";
import { databaseClosed } from "../errors.ts";
import type { Sql } from "../sql.ts";
import type { SqliteConnection } from "./connection.ts";

/** Streams in progress each hold a connection; more than these wait for one. */
const defaultMaxReaders = 16;

/** Connections that read, each one state of the database at a time. */
export class Readers {
  readonly #open: () => SqliteConnection;
  readonly #maxReaders: number;
  readonly #idle: SqliteConnection[] = [];
  readonly #waiting: PromiseWithResolvers<SqliteConnection>[] = [];
  readonly #all: SqliteConnection[] = [];
  #isClosed = false;

  constructor(open: () => SqliteConnection, maxReaders: number) {
    this.#open = open;
    this.#maxReaders = Math.max(1, Math.min(maxReaders, defaultMaxReaders));
  }

  async read<T>(work: (sql: Sql) => Promise<T>): Promise<T> {
    using reader = await this.#begin();
    return await work(reader.sql);
  }

  async *readParts<T>(work: (sql: Sql) => AsyncIterable<T>): AsyncGenerator<T> {
    using reader = await this.#begin();
    for await (const part of work(reader.sql)) {
      yield part;
      await nextTurn();
    }
  }

  /** Readings in progress fail, and so do those that wait and later ones. */
  close(): void {
    this.#isClosed = true;
    for (const { reject } of this.#waiting.splice(0)) reject(databaseClosed());
    for (const reader of this.#all.splice(0)) reader.close();
  }

  async #begin(): Promise<{ readonly sql: Sql } & Disposable> {
    const reader = await this.#take();
    using stack = new DisposableStack();
    stack.defer(() => this.#give(reader));
    reader.execute("BEGIN");
    stack.defer(() => {
      if (reader.isOpen && reader.isInTransaction) reader.execute("COMMIT");
    });
    const owned = stack.move();
    return { sql: reader, [Symbol.dispose]: () => owned.dispose() };
  }

  async #take(): Promise<SqliteConnection> {
    if (this.#isClosed) throw databaseClosed();
    const idle = this.#idle.pop();
    if (idle !== undefined) return idle;
    if (this.#all.length < this.#maxReaders) {
      const reader = this.#open();
      this.#all.push(reader);
      return reader;
    }
    const turn = Promise.withResolvers<SqliteConnection>();
    this.#waiting.push(turn);
    return await turn.promise;
  }

  #give(reader: SqliteConnection): void {
    const next = this.#waiting.shift();
    if (next !== undefined) next.resolve(reader);
    else this.#idle.push(reader);
  }
}
