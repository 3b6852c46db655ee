import { closeSync, existsSync, openSync } from "node:fs";
import { dirname } from "node:path";
import { type Clock, Code, type Logger, StatusError } from "@finial/sdk";
import SqliteDatabase from "better-sqlite3";
import { markOpened } from "../change/change-table.ts";
import { migrate } from "../schema/migrate.ts";
import type { Database, Row, Sql, Transaction } from "../sql.ts";
import { makeOwnObjects } from "./change-log.ts";
import { SqliteConnection, statementLog, toStatus } from "./connection.ts";
import type { SqliteDsn } from "./dsn.ts";
import { Readers } from "./readers.ts";
import { sqliteSchema } from "./tables.ts";
import { WriteQueue } from "./write-queue.ts";

/** How often to look whether another process has written. Its own commits a plugin knows at once. */
const foreignCommitPollMs = 500;

export interface OpenSqliteOptions {
  readonly dsn: SqliteDsn;
  /** How many connections to open at most, the writing one among them; there are always two. */
  readonly maxConnections: number;
  readonly disableMigration: boolean;
  readonly logger: Logger;
  readonly clock: Clock;
  /** Whether to log statements; asked each time. */
  readonly logsSql: () => boolean;
}

/**
 * Opens a SQLite database, making the file, SPIRE's schema and our change log as needed.
 *
 * @throws {StatusError} Unavailable when the file cannot be opened, FailedPrecondition when its schema cannot be used.
 */
export async function openSqlite(options: OpenSqliteOptions): Promise<Database> {
  const database = new SqliteStore(options);
  try {
    await database.prepare();
    return database;
  } catch (error) {
    await database[Symbol.asyncDispose]();
    throw error;
  }
}

class SqliteStore implements Database {
  readonly #options: OpenSqliteOptions;
  readonly #writer: SqliteConnection;
  readonly #queue: WriteQueue;
  /** A database in memory has one connection, which does everything. */
  readonly #readers: Readers | undefined;
  readonly #listeners = new Set<() => void>();
  readonly #closing = new AbortController();
  #polling: Promise<void> | undefined;
  #version = "";

  constructor(options: OpenSqliteOptions) {
    this.#options = options;
    const { dsn, clock, maxConnections } = options;
    this.#writer = this.#connect(dsn.busyTimeoutMs);
    this.#queue = new WriteQueue(this.#writer, {
      clock,
      busyTimeoutMs: dsn.busyTimeoutMs,
      onCommit: () => this.#committed(),
    });
    this.#readers =
      dsn.path === undefined
        ? undefined
        : new Readers(() => this.#connect(readerTimeoutMs), maxConnections - 1);
  }

  get version(): string {
    return this.#version;
  }

  async prepare(): Promise<void> {
    const { dsn } = this.#options;
    if (dsn.path !== undefined) await this.#useWriteAheadLog(dsn.path);
    const row = await this.#writer.first<Row & { version: string }>("SELECT sqlite_version() AS version");
    this.#version = row?.version ?? "";
    await this.#makeCurrent().catch((error: unknown) => {
      const status = StatusError.from(error);
      // It was opened, as what may only be read can be; SQLite does not say which file that is.
      throw status.reason.startsWith("SQLITE_READONLY")
        ? status.prefixed(`unable to write database file "${dsn.path}", or one beside it: `)
        : error;
    });
    // From here on nothing may wait inside SQLite, which would stop this process.
    this.#writer.query("PRAGMA busy_timeout = 0");
  }

  /** Brings the schema, and what is ours in it, up to date. */
  async #makeCurrent(): Promise<void> {
    const { disableMigration, logger } = this.#options;
    await this.#queue.write(async (transaction) => {
      const found = await transaction.first(
        "SELECT 1 FROM sqlite_master WHERE type = 'table' AND name = 'migrations'",
      );
      await migrate(transaction, {
        schema: sqliteSchema,
        isNew: found === undefined,
        disableMigration,
        logger,
      });
      await makeOwnObjects(transaction);
      await markOpened(transaction);
    });
  }

  async read<T>(work: (sql: Sql) => Promise<T>): Promise<T> {
    return this.#readers === undefined ? await this.#queue.read(work) : await this.#readers.read(work);
  }

  async *readParts<T>(work: (sql: Sql) => AsyncIterable<T>): AsyncGenerator<T> {
    if (this.#readers !== undefined) yield* this.#readers.readParts(work);
    else yield* await this.#queue.read((sql) => Array.fromAsync(work(sql)));
  }

  write<T>(work: (transaction: Transaction) => Promise<T>): Promise<T> {
    return this.#queue.write(work);
  }

  onCommit(listener: () => void): () => void {
    this.#listeners.add(listener);
    this.#polling ??= this.#poll();
    return () => this.#listeners.delete(listener);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#closing.abort();
    await this.#polling;
    await this.#queue.close();
    this.#readers?.close();
    this.#writer.close();
    // Who waits for a commit learns that none will come.
    this.#committed();
  }

  /** Without it, readers and the writer would shut each other out. */
  async #useWriteAheadLog(path: string): Promise<void> {
    const row = await this.#writer
      .first<Row & { journal_mode: string }>("PRAGMA journal_mode = WAL")
      .catch((error: unknown) => {
        throw StatusError.from(error).prefixed(`unable to open database file "${path}": `);
      });
    if (row?.journal_mode !== "wal")
      throw new StatusError(
        Code.FailedPrecondition,
        "WRITE_AHEAD_LOG",
        `unable to open database file "${path}": its file system does not support SQLite's write-ahead log`,
      );
  }

  #connect(timeoutMs: number): SqliteConnection {
    const { dsn, logger, logsSql } = this.#options;
    const folder = dsn.path === undefined ? "." : dirname(dsn.path);
    if (!existsSync(folder))
      throw unopened(dsn, `unable to open database file "${dsn.path}": its directory does not exist`);
    using stack = new DisposableStack();
    try {
      if (dsn.path !== undefined && !dsn.mustExist && !existsSync(dsn.path)) makeFile(dsn.path);
      const database = stack.adopt(
        new SqliteDatabase(dsn.path ?? ":memory:", { timeout: timeoutMs, fileMustExist: dsn.mustExist }),
        (opened) => opened.close(),
      );
      for (const [name, value] of dsn.pragmas) database.pragma(`${name} = ${value}`);
      stack.move();
      return new SqliteConnection(database, statementLog(logger, logsSql));
    } catch (error) {
      throw unopened(dsn, `unable to open database file "${dsn.path}": ${toStatus(error).message}`, error);
    }
  }

  #committed(): void {
    for (const listener of this.#listeners) listener();
  }

  /** The writer's own commits do not change its data version. */
  async #poll(): Promise<void> {
    const { signal } = this.#closing;
    let version: number | undefined;
    let isFailing = false;
    while (!signal.aborted) {
      try {
        const current = this.#writer.dataVersion();
        if (version !== undefined && current !== version) this.#committed();
        version = current;
        isFailing = false;
      } catch (error) {
        // Such as a database that another process recovers: later may do.
        const { message } = toStatus(error);
        if (!isFailing)
          this.#options.logger.warn("Failed to look for changes of other processes", { error: message });
        isFailing = true;
      }
      await this.#options.clock.sleep(foreignCommitPollMs, { signal }).catch(ignoreAbort);
    }
  }
}

/** Readers hardly ever wait: only while a crashed writer's log is recovered. */
const readerTimeoutMs = 1000;

/** Join tokens are in it: its owner reads it, nobody else. SQLite gives its other files the same permissions. */
function makeFile(path: string): void {
  closeSync(openSync(path, "a", 0o600));
}

function unopened(dsn: SqliteDsn, message: string, cause?: unknown): StatusError {
  return new StatusError(Code.Unavailable, "DATABASE_UNAVAILABLE", message, {
    source: "downstream",
    cause: cause ?? dsn,
  });
}

/** A sleep ends by its abort when the database is closed. */
export function ignoreAbort(error: unknown): void {
  if (!(error instanceof Error && error.name === "AbortError")) throw error;
}
