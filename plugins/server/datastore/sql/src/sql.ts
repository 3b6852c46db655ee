export type SqlValue = string | number | Buffer | null;

/** A row as the database gives it. */
export type Row = Readonly<Record<string, SqlValue>>;

/** Pieces of SQL that differ from one database product to the next. */
export interface SqlText {
  /** True for a column that is one of a list. Takes one parameter: `listParameter(values)`. */
  oneOf(column: string): string;
  /** True for a pair of columns that is one of a list of pairs. Takes one parameter: `listParameter(pairs)`. */
  pairOneOf(first: string, second: string): string;
  listParameter(values: readonly (string | number | readonly string[])[]): SqlValue;
  /** True for a time column before the instant, whatever time zone its text is in. Takes `beforeParameters(instant)`. */
  before(column: string): string;
  /** True for a time column after the instant. Takes `afterParameters(instant)`. */
  after(column: string): string;
  beforeParameters(instant: Date): readonly SqlValue[];
  afterParameters(instant: Date): readonly SqlValue[];
}

/** Statements within one state of the database. Parameters are `?` in the text. */
export interface Sql {
  readonly text: SqlText;
  all<R extends Row>(statement: string, ...parameters: readonly SqlValue[]): Promise<R[]>;
  first<R extends Row>(statement: string, ...parameters: readonly SqlValue[]): Promise<R | undefined>;
}

/** Statements of one transaction. */
export interface Transaction extends Sql {
  /** When the transaction began. */
  readonly now: Date;
  /** How many rows it changed, and the id of the last one inserted. */
  run(
    statement: string,
    ...parameters: readonly SqlValue[]
  ): Promise<{ readonly changes: number; readonly lastId: number }>;
  /** Work whose failure takes back only what it did itself. */
  attempt<T>(work: () => Promise<T>): Promise<T>;
}

/** An open database with SPIRE's schema and our change log. */
export interface Database extends AsyncDisposable {
  /** The product's own version. */
  readonly version: string;
  /** Reads one state of the database. */
  read<T>(work: (sql: Sql) => Promise<T>): Promise<T>;
  /** Reads one state of the database, part by part; others get their turn between the parts. */
  readParts<T>(work: (sql: Sql) => AsyncIterable<T>): AsyncIterable<T>;
  /** All of the work or nothing; resolves when it is durable. Works run one after another. */
  write<T>(work: (transaction: Transaction) => Promise<T>): Promise<T>;
  /** Calls back after commits, whoever made them, until the returned function is called. */
  onCommit(listener: () => void): () => void;
}
