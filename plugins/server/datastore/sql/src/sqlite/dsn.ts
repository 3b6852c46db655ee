import { invalidArgument } from "../errors.ts";

/** Where a SQLite database is and how to open it. */
export interface SqliteDsn {
  /** A file's path, relative to the working directory; undefined for a database in memory. */
  readonly path: string | undefined;
  readonly mustExist: boolean;
  /** How long to wait for another process that writes. */
  readonly busyTimeoutMs: number;
  /** Set on every connection, in order. */
  readonly pragmas: readonly (readonly [name: string, value: string])[];
}

const defaultBusyTimeoutMs = 5000;

/** Options of Go's SQLite driver, with their short names, and what they set here. */
const pragmaOptions: ReadonlyMap<string, { readonly pragma: string; readonly values: RegExp }> = new Map([
  ["_synchronous", { pragma: "synchronous", values: /^(0|1|2|3|off|normal|full|extra)$/i }],
  ["_sync", { pragma: "synchronous", values: /^(0|1|2|3|off|normal|full|extra)$/i }],
  ["_cache_size", { pragma: "cache_size", values: /^-?\d{1,9}$/ }],
  ["_auto_vacuum", { pragma: "auto_vacuum", values: /^(0|1|2|none|full|incremental)$/i }],
  ["_vacuum", { pragma: "auto_vacuum", values: /^(0|1|2|none|full|incremental)$/i }],
  ["_secure_delete", { pragma: "secure_delete", values: /^(0|1|on|off|yes|no|true|false|fast)$/i }],
]);

/** Options that would change how the file is locked, or who may write it: to pass over them would not be honest. */
const refusedOptions: ReadonlySet<string> = new Set([
  "vfs",
  "nolock",
  "immutable",
  "_locking",
  "_locking_mode",
  "_query_only",
]);

/**
 * Parses a connection string as SPIRE's SQLite driver does: a path, or a `file:` URI with options after `?`.
 *
 * Foreign keys and the write-ahead log are always on. Unless `_synchronous` says otherwise, every commit is synced to disk.
 * Options that mean nothing here (`cache`, `_loc`, `_txlock` …) are passed over, as SQLite itself does.
 *
 * @throws {StatusError} InvalidArgument.
 */
export function parseSqliteDsn(text: string): SqliteDsn {
  const scheme = /^([A-Za-z][A-Za-z0-9+.-]*):/.exec(text)?.[1]?.toLowerCase();
  if (scheme !== undefined && scheme !== "file")
    throw invalidArgument("CONNECTION_STRING", `unsupported scheme "${scheme}"`);
  const [location = "", query = ""] = split(scheme === undefined ? text : text.slice("file:".length));
  const options = new URLSearchParams(query);
  const refused = options.keys().find((name) => refusedOptions.has(name));
  if (refused !== undefined) throw invalidArgument("CONNECTION_STRING", `option ${refused} is not supported`);
  const path = toPath(location);
  const mode = options.get("mode") ?? "rwc";
  if (!["ro", "rw", "rwc", "memory"].includes(mode))
    throw invalidArgument("CONNECTION_STRING", `unknown mode "${mode}": it is rw, rwc or memory`);
  if (mode === "ro")
    throw invalidArgument("CONNECTION_STRING", "mode ro is of no use: the server writes to its datastore");
  return {
    path: mode === "memory" || path === ":memory:" ? undefined : path,
    mustExist: mode === "rw",
    busyTimeoutMs: busyTimeout(options),
    pragmas: [["foreign_keys", "ON"], ["synchronous", "FULL"], ...pragmas(options)],
  };
}

/** Location and options; a fragment is nothing to SQLite. */
function split(text: string): [string, string] {
  const [named = ""] = text.split("#");
  const start = named.indexOf("?");
  return start === -1 ? [named, ""] : [named.slice(0, start), named.slice(start + 1)];
}

/** In a URI, `file:///a`, `file://localhost/a`, `file:/a` and `file:a` name files. */
function toPath(location: string): string {
  const withoutHost = location.replace(/^\/\/(?:localhost)?(?=\/)/, "");
  if (withoutHost.startsWith("//") || withoutHost === "")
    throw invalidArgument("CONNECTION_STRING", "it names no file of this machine");
  try {
    return decodeURIComponent(withoutHost);
  } catch (cause) {
    throw invalidArgument("CONNECTION_STRING", "malformed percent-encoding", cause);
  }
}

function busyTimeout(options: URLSearchParams): number {
  const value = options.get("_busy_timeout") ?? options.get("_timeout");
  if (value === null) return defaultBusyTimeoutMs;
  if (!/^\d{1,7}$/.test(value))
    throw invalidArgument("CONNECTION_STRING", `invalid _busy_timeout "${value}": milliseconds expected`);
  return Number(value);
}

function pragmas(options: URLSearchParams): [string, string][] {
  return [...options].flatMap(([name, value]): [string, string][] => {
    const option = pragmaOptions.get(name);
    if (option === undefined) return [];
    if (!option.values.test(value)) throw invalidArgument("CONNECTION_STRING", `invalid ${name} "${value}"`);
    return [[option.pragma, value]];
  });
}
