import { type PluginHost, StatusError } from "@finial/sdk";
import type { Config } from "./config.ts";
import { databaseClosed } from "./errors.ts";
import { pruneEvents } from "./events.ts";
import type { Database } from "./sql.ts";
import { ignoreAbort, openSqlite } from "./sqlite/database.ts";

/** How long SPIRE's events are kept, as in SPIRE. */
const eventAgeMs = 12 * 3600 * 1000;
const pruneIntervalMs = 3600 * 1000;

/** The database that the configuration names, and what must be done to it now and then. */
export class Store implements AsyncDisposable {
  readonly #host: PluginHost;
  #config: Config | undefined;
  #database: Database | undefined;
  #upkeep: Upkeep | undefined;

  constructor(host: PluginHost) {
    this.#host = host;
  }

  /** @throws {StatusError} Unavailable before it is configured. */
  get database(): Database {
    if (this.#database === undefined) throw databaseClosed();
    return this.#database;
  }

  /** Opens the database, unless it is the one in use. On failure the one in use stays. */
  async configure(config: Config): Promise<void> {
    const isSame = this.#config?.connectionString === config.connectionString;
    if (!isSame) await this.#open(config);
    this.#config = config;
  }

  async #open(config: Config): Promise<void> {
    const { logger, clock } = this.#host;
    const { kind, dsn } = config.location;
    logger.info("Opening SQL database", { db_type: kind });
    if (config.readOnlyConnectionString !== "")
      logger.warn("Read-only connection is not applicable for sqlite3. Falling back to primary connection");
    const opened = await openSqlite({
      dsn,
      maxConnections: config.maxOpenConnections,
      disableMigration: config.disableMigration,
      logger,
      clock,
      logsSql: () => (this.#config ?? config).logsSql,
    });
    logger.info("Connected to SQL database", { type: kind, version: opened.version, read_only: false });
    await this[Symbol.asyncDispose]();
    this.#database = opened;
    this.#upkeep = new Upkeep(opened, this.#host);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#upkeep?.[Symbol.asyncDispose]();
    await this.#database?.[Symbol.asyncDispose]();
    this.#database = undefined;
  }
}

/** Forgets old events, once an hour. */
class Upkeep implements AsyncDisposable {
  readonly #stop = new AbortController();
  readonly #done: Promise<void>;

  constructor(database: Database, host: PluginHost) {
    this.#done = this.#run(database, host);
  }

  async #run(database: Database, { clock, logger }: PluginHost): Promise<void> {
    const { signal } = this.#stop;
    while (!signal.aborted) {
      const olderThan = new Date(clock.now().getTime() - eventAgeMs);
      try {
        await database.write((transaction) => pruneEvents(transaction, olderThan));
      } catch (error) {
        logger.error("Failed to prune events", { error: StatusError.from(error).message });
      }
      await clock.sleep(pruneIntervalMs, { signal }).catch(ignoreAbort);
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#stop.abort();
    await this.#done;
  }
}
