import type BetterSqlite3 from "better-sqlite3";
import type { TableDescription } from "./spire-schema.ts";

interface ColumnInfo {
  readonly name: string;
  readonly type: string;
  readonly notnull: number;
  readonly pk: number;
}

interface IndexInfo {
  readonly name: string;
  readonly unique: number;
  readonly partial: number;
}

/** What a database's schema is, apart from SQLite's own tables and ours, from SQLite's own word. */
export function describeSchema(connection: BetterSqlite3.Database): Record<string, TableDescription> {
  const names = connection
    .prepare<[], string>(
      `SELECT name FROM sqlite_master
       WHERE type = 'table' AND name NOT GLOB 'sqlite_*' AND name NOT GLOB 'finial_*'`,
    )
    .pluck()
    .all();
  return Object.fromEntries(names.map((name) => [name, describeTable(connection, name)]));
}

function describeTable(connection: BetterSqlite3.Database, table: string): TableDescription {
  const columns = connection.pragma(`table_info(${table})`) as ColumnInfo[];
  const notNull = columns.filter(({ notnull }) => notnull === 1).map(({ name }) => name);
  const indexes = (connection.pragma(`index_list(${table})`) as IndexInfo[])
    .filter(({ name }) => !name.startsWith("finial_"))
    .sort((one, other) => one.name.localeCompare(other.name));
  const columnsOf = (index: IndexInfo): [string, string] => {
    const infos = connection.pragma(`index_info(${index.name})`) as ColumnInfo[];
    return [index.name, infos.map(({ name }) => name).join(", ") + (index.partial === 1 ? " partly" : "")];
  };
  const plain = indexes.filter(({ unique }) => unique === 0).map(columnsOf);
  const unique = indexes.filter((index) => index.unique === 1).map(columnsOf);
  return {
    columns: columns.map(({ name, type }) => `${name} ${type.toLowerCase()}`),
    ...(notNull.length > 0 && { notNull }),
    primaryKey: columns
      .filter(({ pk }) => pk > 0)
      .sort((one, other) => one.pk - other.pk)
      .map(({ name }) => name),
    ...(plain.length > 0 && { indexes: Object.fromEntries(plain) }),
    ...(unique.length > 0 && { uniqueIndexes: Object.fromEntries(unique) }),
  };
}
