import { setImmediate as nextTurn } from "node:timers/promises";
import type { Clock } from "@finial/sdk";
import { databaseClosed } from "../errors.ts";
import type { Sql, Transaction } from "../sql.ts";
import { isBusy, type SqliteConnection } from "./connection.ts";

/** After this long a transaction takes no further works, so that reads and streams get their turn. */
const maxTransactionMs = 20;
/** How long to wait before asking again for a database that another process writes to. */
const busyPauseMs = 5;
/** After so many statements of one work, others in this process get their turn: a millisecond or two. */
const statementsPerTurn = 200;

interface Work {
  readonly changes: boolean;
  readonly run: (transaction: Transaction) => Promise<unknown>;
  readonly resolve: (result: unknown) => void;
  readonly reject: (error: unknown) => void;
}

/** A work that ran in a transaction not yet committed. */
type Settled = Work & ({ readonly result: unknown } | { readonly error: unknown });

export interface WriteQueueOptions {
  readonly clock: Clock;
  /** How long to wait for another process that writes. */
  readonly busyTimeoutMs: number;
  readonly onCommit: () => void;
}

/**
 * The one writer of a SQLite database. Works that wait at the same time share one transaction and one sync of the disk;
 * each is told of its success only after the commit. A work may wait for its statements and for the event loop's next turn,
 * for nothing else.
 */
export class WriteQueue {
  readonly #connection: SqliteConnection;
  readonly #options: WriteQueueOptions;
  readonly #waiting: Work[] = [];
  #draining: Promise<void> | undefined;
  #closed = false;

  constructor(connection: SqliteConnection, options: WriteQueueOptions) {
    this.#connection = connection;
    this.#options = options;
  }

  write<T>(run: (transaction: Transaction) => Promise<T>): Promise<T> {
    return this.#add(run, true);
  }

  /** Reads between the writes, and tells nobody of a commit: for a database that has this connection only. */
  read<T>(run: (sql: Sql) => Promise<T>): Promise<T> {
    return this.#add(run, false);
  }

  #add<T>(run: (transaction: Transaction) => Promise<T>, changes: boolean): Promise<T> {
    if (this.#closed) return Promise.reject(databaseClosed());
    return new Promise<T>((resolve, reject) => {
      this.#waiting.push({ run, changes, resolve: resolve as (result: unknown) => void, reject });
      this.#draining ??= this.#drain();
    });
  }

  /** Takes no more works; resolves when those it has are done. */
  async close(): Promise<void> {
    this.#closed = true;
    await this.#draining;
  }

  async #drain(): Promise<void> {
    while (this.#waiting.length > 0) {
      // Whoever is about to write gets on board.
      await nextTurn();
      await this.#transact();
    }
    this.#draining = undefined;
  }

  async #transact(): Promise<void> {
    const settled: Settled[] = [];
    try {
      await this.#begin();
      await this.#runWorks(settled);
      this.#connection.execute("COMMIT");
    } catch (error) {
      // Nothing of the transaction is there: not even what had gone well.
      for (const work of settled) work.reject("error" in work ? work.error : error);
      if (settled.length === 0) for (const { reject } of this.#waiting.splice(0)) reject(error);
      // One that cannot be rolled back ends the process, by nobody catching this: the host starts it anew.
      if (this.#connection.isInTransaction) this.#connection.execute("ROLLBACK");
      return;
    }
    for (const work of settled) "error" in work ? work.reject(work.error) : work.resolve(work.result);
    if (settled.some(({ changes }) => changes)) this.#options.onCommit();
  }

  /** Waiting in SQLite itself would stop everything else in this process. */
  async #begin(): Promise<void> {
    const { clock, busyTimeoutMs } = this.#options;
    for (let waitedMs = 0; ; waitedMs += busyPauseMs) {
      try {
        this.#connection.execute("BEGIN IMMEDIATE");
        return;
      } catch (error) {
        if (!isBusy(error) || waitedMs >= busyTimeoutMs) throw error;
      }
      await clock.sleep(busyPauseMs);
    }
  }

  async #runWorks(settled: Settled[]): Promise<void> {
    const { clock } = this.#options;
    const started = clock.now();
    const transaction = transactionOn(this.#connection, started);
    do {
      const work = this.#waiting.shift();
      if (work === undefined) return;
      try {
        settled.push({ ...work, result: await transaction.attempt(() => work.run(transaction)) });
      } catch (error) {
        settled.push({ ...work, error });
        // SQLite ends a transaction by itself when the disk fails.
        if (!this.#connection.isInTransaction) throw error;
      }
    } while (clock.now().getTime() - started.getTime() < maxTransactionMs);
  }
}

function transactionOn(connection: SqliteConnection, now: Date): Transaction {
  let statements = 0;
  return {
    text: connection.text,
    now,
    all: (statement, ...parameters) => connection.all(statement, ...parameters),
    first: (statement, ...parameters) => connection.first(statement, ...parameters),
    run: async (statement, ...parameters) => {
      if (++statements % statementsPerTurn === 0) await nextTurn();
      return connection.run(statement, ...parameters);
    },
    attempt: async (work) => {
      connection.execute("SAVEPOINT attempt");
      try {
        const result = await work();
        connection.execute("RELEASE attempt");
        return result;
      } catch (error) {
        if (!connection.isInTransaction) throw error;
        connection.execute("ROLLBACK TO attempt");
        connection.execute("RELEASE attempt");
        throw error;
      }
    },
  };
}
