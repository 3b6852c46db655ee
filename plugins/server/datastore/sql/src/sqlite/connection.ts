import { Code, type Logger, StatusError } from "@finial/sdk";
import SqliteDatabase from "better-sqlite3";
import { databaseClosed } from "../errors.ts";
import type { Row, Sql, SqlValue } from "../sql.ts";
import { sqliteText } from "./text.ts";

type Prepared = SqliteDatabase.Statement<SqlValue[], Row>;

/** One connection and its prepared statements. Its calls block, so each must be short. */
export class SqliteConnection implements Sql {
  readonly text = sqliteText;
  readonly #database: SqliteDatabase.Database;
  readonly #prepared = new Map<string, Prepared>();
  readonly #log: (statement: string) => void;

  constructor(database: SqliteDatabase.Database, log: (statement: string) => void) {
    this.#database = database;
    this.#log = log;
  }

  get isInTransaction(): boolean {
    return this.#database.inTransaction;
  }

  get isOpen(): boolean {
    return this.#database.open;
  }

  /** A number that changes when another connection, of this or another process, commits. */
  dataVersion(): number {
    return this.#database.pragma("data_version", { simple: true }) as number;
  }

  /** Runs a statement that answers with rows, such as a PRAGMA. */
  query(statement: string): void {
    this.#do(statement, (prepared) => prepared.all());
  }

  /** Runs a statement without parameters and without rows, such as BEGIN. */
  execute(statement: string): void {
    this.run(statement);
  }

  run(statement: string, ...parameters: readonly SqlValue[]): { changes: number; lastId: number } {
    const { changes, lastInsertRowid } = this.#do(statement, (prepared) => prepared.run(...parameters));
    return { changes, lastId: Number(lastInsertRowid) };
  }

  // Answers are there at once; the promises are for databases across a network.
  async all<R extends Row>(statement: string, ...parameters: readonly SqlValue[]): Promise<R[]> {
    return this.#do(statement, (prepared) => prepared.all(...parameters)) as R[];
  }

  async first<R extends Row>(statement: string, ...parameters: readonly SqlValue[]): Promise<R | undefined> {
    return this.#do(statement, (prepared) => prepared.get(...parameters)) as R | undefined;
  }

  close(): void {
    this.#prepared.clear();
    this.#database.close();
  }

  #do<T>(statement: string, use: (prepared: Prepared) => T): T {
    this.#log(statement);
    if (!this.#database.open) throw databaseClosed();
    try {
      let prepared = this.#prepared.get(statement);
      if (prepared === undefined) {
        prepared = this.#database.prepare<SqlValue[], Row>(statement);
        this.#prepared.set(statement, prepared);
      }
      return use(prepared);
    } catch (error) {
      throw toStatus(error);
    }
  }
}

/** Says each statement at debug level when SQL is to be logged; never a parameter. */
export function statementLog(logger: Logger, isOn: () => boolean): (statement: string) => void {
  return (statement) => {
    if (isOn()) logger.debug("SQL", { statement: statement.replaceAll(/\s+/g, " ") });
  };
}

/** What the database being away, full or in use is to our callers. */
const unavailable = /^SQLITE_(BUSY|LOCKED|FULL|IOERR|CANTOPEN|READONLY|NOLFS|PROTOCOL)/;

export function toStatus(error: unknown): StatusError {
  if (!(error instanceof SqliteDatabase.SqliteError)) return StatusError.from(error);
  const options = { source: "downstream", cause: error } as const;
  if (error.code.startsWith("SQLITE_CONSTRAINT"))
    return new StatusError(Code.AlreadyExists, "CONSTRAINT", error.message, { cause: error });
  if (unavailable.test(error.code))
    return new StatusError(Code.Unavailable, error.code, error.message, options);
  return new StatusError(Code.Internal, error.code, error.message, options);
}

export function isBusy(error: unknown): boolean {
  return error instanceof StatusError && /^SQLITE_(BUSY|LOCKED)/.test(error.reason);
}
