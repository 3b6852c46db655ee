import { StatusError } from "@finial/sdk";
import {
  bool,
  decodeConfig,
  durationMs,
  type Field,
  type HclKey,
  int,
  type Occurrence,
  string,
} from "@finial/sdk/hcl";
import { invalidArgument } from "./errors.ts";
import { parseSqliteDsn, type SqliteDsn } from "./sqlite/dsn.ts";

/** Where the data is, by database product. */
export interface DatabaseLocation {
  readonly kind: "sqlite3";
  readonly dsn: SqliteDsn;
}

export interface Config {
  readonly location: DatabaseLocation;
  /** As written; the database is opened anew when it changes. */
  readonly connectionString: string;
  /** At least 1. */
  readonly maxOpenConnections: number;
  readonly disableMigration: boolean;
  readonly logsSql: boolean;
  /** One sentence for each key that is given and does nothing. */
  readonly warnings: readonly string[];
}

const defaultMaxOpenConnections = 100;
/** Keys that only a database across a network heeds. */
const keysOfServers = [
  "root_ca_path",
  "client_cert_path",
  "client_key_path",
  "conn_max_lifetime",
  "max_idle_conns",
] as const;
/** Products that SPIRE keeps data in and this version does not. */
const elsewhere: ReadonlySet<string> = new Set(["postgres", "mysql", "aws_postgres", "aws_mysql"]);

/** In SPIRE's words. */
const readOnlyWarning =
  "Read-only connection is not applicable for sqlite3. Falling back to primary connection";

/**
 * Parses SPIRE's configuration of its `sql` datastore. Keys that only other products need are known, and warned of.
 *
 * @throws {StatusError} InvalidArgument; one problem a line.
 */
export function parseConfig(text: string): Config {
  const decoded = decodeConfig(
    text,
    {
      database_type: databaseType(),
      connection_string: string({ default: "" }),
      ro_connection_string: string({ default: "" }),
      root_ca_path: string(),
      client_cert_path: string(),
      client_key_path: string(),
      conn_max_lifetime: durationMs(),
      max_open_conns: int({ default: defaultMaxOpenConnections }),
      max_idle_conns: int(),
      disable_migration: bool({ default: false }),
      log_sql: bool({ default: false }),
    },
    { filename: "plugin_data" },
  );
  const { database_type: type, connection_string: connectionString } = decoded;
  if (type === "") throw invalidArgument("DATABASE_TYPE_MISSING", "database_type must be set");
  if (elsewhere.has(type))
    throw invalidArgument(
      "DATABASE_TYPE_UNSUPPORTED",
      `database_type "${type}" is not supported in this version; supported is "sqlite3"`,
    );
  if (type !== "sqlite3")
    throw invalidArgument("DATABASE_TYPE_UNKNOWN", `unsupported database_type: ${type}`);
  if (connectionString === "")
    throw invalidArgument("CONNECTION_STRING_MISSING", "connection_string must be set");
  return {
    location: { kind: "sqlite3", dsn: parseDsn(connectionString) },
    connectionString,
    // As in Go's database/sql, 0 and less mean no limit; a SQLite file needs none beyond the default.
    maxOpenConnections: decoded.max_open_conns < 1 ? defaultMaxOpenConnections : decoded.max_open_conns,
    disableMigration: decoded.disable_migration,
    logsSql: decoded.log_sql,
    warnings: [
      ...(decoded.ro_connection_string === "" ? [] : [readOnlyWarning]),
      ...keysOfServers
        .filter((key) => decoded[key] !== undefined)
        .map((key) => `${key} has no effect on sqlite3`),
    ],
  };
}

function parseDsn(text: string): SqliteDsn {
  try {
    return parseSqliteDsn(text);
  } catch (error) {
    throw StatusError.from(error).prefixed("connection_string: ");
  }
}

/** `"sqlite3"`, or a map of one product to its options: `aws_postgres { region = "…" }`. The product's name. */
function databaseType(): Field<string> {
  return {
    read: (occurrences, path, report) => {
      const last = occurrences.at(-1);
      if (last === undefined) return "";
      if (last.value.kind === "string" && last.labels.length === 0) return last.value.value;
      const names = namesIn(last);
      if (names.length === 1) return names[0]?.text ?? "";
      report.add(last.value.position, `${path} takes a name, or exactly one database type with its options`);
      return "";
    },
  };
}

function namesIn({ labels, value }: Occurrence): readonly HclKey[] {
  if (labels.length > 0) return labels.slice(0, 1);
  const bodies = value.kind === "list" ? value.items : [value];
  return bodies.flatMap((each) => (each.kind === "object" ? each.body.items.map(({ keys }) => keys[0]) : []));
}
