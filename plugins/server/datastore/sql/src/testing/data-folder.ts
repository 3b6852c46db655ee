import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { systemClock } from "@finial/sdk";
import { captureLog } from "@finial/sdk/testing";
import BetterSqlite3 from "better-sqlite3";
import type { Database } from "../sql.ts";
import { type OpenSqliteOptions, openSqlite } from "../sqlite/database.ts";
import { parseSqliteDsn } from "../sqlite/dsn.ts";

/** A folder for one database, which goes with all it holds. */
export class DataFolder implements Disposable {
  readonly path: string = mkdtempSync(join(tmpdir(), "sql-"));
  /** The database's file. */
  readonly file: string = join(this.path, "data.sqlite3");

  /** `plugin_data` that names the file. */
  config(more = ""): string {
    return `database_type = "sqlite3"\nconnection_string = "${this.file}"\n${more}`;
  }

  open(options: Partial<OpenSqliteOptions> = {}): Promise<Database> {
    return openSqlite({
      dsn: parseSqliteDsn(this.file),
      maxConnections: 4,
      disableMigration: false,
      logger: captureLog(),
      clock: systemClock,
      logsSql: () => false,
      ...options,
    });
  }

  /** A connection as another process has it, such as a SPIRE server. Close it. */
  connect(): BetterSqlite3.Database {
    return new BetterSqlite3(this.file);
  }

  /** Work on a connection of its own. */
  with<T>(work: (connection: BetterSqlite3.Database) => T): T {
    const connection = this.connect();
    try {
      return work(connection);
    } finally {
      connection.close();
    }
  }

  [Symbol.dispose](): void {
    rmSync(this.path, { recursive: true, force: true });
  }
}
