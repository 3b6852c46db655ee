import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { Code } from "@finial/sdk";
import { parseConfig } from "./config.ts";

const minimal = 'database_type = "sqlite3"\nconnection_string = "data.sqlite3"\n';

const withDefaults = {
  location: {
    kind: "sqlite3",
    dsn: {
      path: "data.sqlite3",
      mustExist: false,
      busyTimeoutMs: 5000,
      pragmas: [
        ["foreign_keys", "ON"],
        ["synchronous", "FULL"],
      ],
    },
  },
  connectionString: "data.sqlite3",
  maxOpenConnections: 100,
  disableMigration: false,
  logsSql: false,
  warnings: [],
};

const noEffect = (key: string): string => `${key} has no effect on sqlite3`;

/** What each key of SPIRE's does beside the two that are required. */
const accepted: readonly (readonly [text: string, changes: object])[] = [
  ["", {}],
  ["max_open_conns = 5", { maxOpenConnections: 5 }],
  // As in Go's database/sql, there is no limit then.
  ["max_open_conns = 0", { maxOpenConnections: 100 }],
  ["max_open_conns = -1", { maxOpenConnections: 100 }],
  ["disable_migration = true", { disableMigration: true }],
  ["log_sql = true", { logsSql: true }],
  ['ro_connection_string = ""', {}],
  [
    'ro_connection_string = "replica.sqlite3"',
    {
      warnings: ["Read-only connection is not applicable for sqlite3. Falling back to primary connection"],
    },
  ],
  ["max_idle_conns = 2", { warnings: [noEffect("max_idle_conns")] }],
  ['conn_max_lifetime = "1h"', { warnings: [noEffect("conn_max_lifetime")] }],
  [
    'root_ca_path = "ca"\nclient_cert_path = "cert"\nclient_key_path = "key"',
    { warnings: ["root_ca_path", "client_cert_path", "client_key_path"].map(noEffect) },
  ],
];

const unsupported = (type: string): string =>
  `database_type "${type}" is not supported in this version; supported is "sqlite3"`;

const refused: readonly (readonly [text: string, message: string])[] = [
  ["", "database_type must be set"],
  ['database_type = ""', "database_type must be set"],
  ['database_type = "sqlite3"', "connection_string must be set"],
  ['database_type = "sqlite3"\nconnection_string = ""', "connection_string must be set"],
  ['database_type = "postgres"\nconnection_string = "dbname=spire"', unsupported("postgres")],
  ['database_type = "mysql"\nconnection_string = "u@tcp(h)/spire?parseTime=true"', unsupported("mysql")],
  ['database_type "aws_postgres" { region = "us-east-2" }', unsupported("aws_postgres")],
  ['database_type = { aws_mysql = { region = "us-east-2" } }', unsupported("aws_mysql")],
  ['database_type = "oracle"', "unsupported database_type: oracle"],
  [
    "database_type = 5",
    "plugin_data:1:17: database_type takes a name, or exactly one database type with its options",
  ],
  [
    "database_type = { aws_mysql = {}\n aws_postgres = {} }",
    "plugin_data:1:17: database_type takes a name, or exactly one database type with its options",
  ],
  [
    'database_type = "sqlite3"\nconnection_string = "mysql://data"',
    'connection_string: unsupported scheme "mysql"',
  ],
  [`${minimal}max_open_conns = "many"`, 'plugin_data:3:18: max_open_conns takes a whole number, not "many"'],
  [`${minimal}disable_migration = 5`, "plugin_data:3:21: disable_migration takes true or false"],
  [
    `${minimal}max_open_con = 5`,
    'plugin_data:3:1: unknown key "max_open_con"; did you mean "max_open_conns"?',
  ],
];

describe("parseConfig()", () => {
  for (const [text, changes] of accepted)
    it(`takes ${JSON.stringify(text)}`, () => {
      assert.deepEqual(parseConfig(minimal + text), { ...withDefaults, ...changes });
    });

  for (const [text, message] of refused)
    it(`refuses ${JSON.stringify(text)}`, () => {
      assert.throws(() => parseConfig(text), { code: Code.InvalidArgument, message });
    });

  it("names every problem at once", () => {
    assert.throws(() => parseConfig(`${minimal}conn_max_lifetime = "soon"\nlog_sql = "yes"`), {
      message: /^plugin_data:3:21: conn_max_lifetime .*\nplugin_data:4:11: log_sql /,
    });
  });
});
