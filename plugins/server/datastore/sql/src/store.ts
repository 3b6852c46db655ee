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
  #open: OpenDatabase | undefined;
  /** Ends when the last configuration is done: they come one after another. */
  #configuring: Promise<unknown> = Promise.resolve();

  constructor(host: PluginHost) {
    this.#host = host;
  }

  /** @throws {StatusError} Unavailable before it is configured. */
  get database(): Database {
    if (this.#open === undefined) throw databaseClosed();
    return this.#open.database;
  }

  /** Opens the database, unless it is the one in use. On failure the one in use stays. */
  configure(config: Config): Promise<void> {
    const configured = this.#configuring.then(() => this.#configure(config));
    this.#configuring = configured.catch(() => undefined);
    return configured;
  }

  async #configure(config: Config): Promise<void> {
    for (const warning of config.warnings) this.#host.logger.warn(warning);
    const isSame = this.#config?.connectionString === config.connectionString;
    if (!isSame) await this.#replace(config);
    this.#config = config;
  }

  /** Calls find the one database or the other, never none. Writes to the old one are done first; what reads it fails. */
  async #replace(config: Config): Promise<void> {
    const { logger, clock } = this.#host;
    const { kind, dsn } = config.location;
    logger.info("Opening SQL database", { db_type: kind });
    const database = await openSqlite({
      dsn,
      maxConnections: config.maxOpenConnections,
      disableMigration: config.disableMigration,
      logger,
      clock,
      logsSql: () => (this.#config ?? config).logsSql,
    });
    logger.info("Connected to SQL database", { type: kind, version: database.version, read_only: false });
    const old = this.#open;
    this.#open = { database, upkeep: new Upkeep(database, this.#host) };
    await close(old);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#configuring;
    const old = this.#open;
    this.#open = undefined;
    await close(old);
  }
}

interface OpenDatabase {
  readonly database: Database;
  readonly upkeep: Upkeep;
}

async function close(open: OpenDatabase | undefined): Promise<void> {
  await open?.upkeep[Symbol.asyncDispose]();
  await open?.database[Symbol.asyncDispose]();
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
