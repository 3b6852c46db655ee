import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { Code } from "@finial/sdk";
import { parseSqliteDsn } from "./dsn.ts";

const always = [
  ["foreign_keys", "ON"],
  ["synchronous", "FULL"],
];
const plain = { mustExist: false, busyTimeoutMs: 5000, pragmas: always };

const accepted: readonly (readonly [text: string, dsn: object])[] = [
  ["data.db", { ...plain, path: "data.db" }],
  ["./data.db", { ...plain, path: "./data.db" }],
  ["/home/fred/data.db", { ...plain, path: "/home/fred/data.db" }],
  ["file:data.db", { ...plain, path: "data.db" }],
  ["FILE:data.db", { ...plain, path: "data.db" }],
  ["file:/home/fred/data.db", { ...plain, path: "/home/fred/data.db" }],
  ["file:///home/fred/data.db", { ...plain, path: "/home/fred/data.db" }],
  ["file://localhost/home/fred/data.db", { ...plain, path: "/home/fred/data.db" }],
  ["file:///home/fred%20b/data.db?mode=rwc#part", { ...plain, path: "/home/fred b/data.db" }],
  [":memory:", { ...plain, path: undefined }],
  ["file::memory:?cache=shared", { ...plain, path: undefined }],
  ["file:data.db?mode=memory", { ...plain, path: undefined }],
  ["data.db?mode=rw", { ...plain, path: "data.db", mustExist: true }],
  ["data.db?_busy_timeout=250", { ...plain, path: "data.db", busyTimeoutMs: 250 }],
  ["data.db?_timeout=0", { ...plain, path: "data.db", busyTimeoutMs: 0 }],
  [
    "data.db?_sync=NORMAL&_cache_size=-2000&_vacuum=1&_secure_delete=fast",
    {
      ...plain,
      path: "data.db",
      pragmas: [
        ...always,
        ["synchronous", "NORMAL"],
        ["cache_size", "-2000"],
        ["auto_vacuum", "1"],
        ["secure_delete", "fast"],
      ],
    },
  ],
  // What SPIRE sets by itself, and what means nothing here.
  [
    "data.db?_foreign_keys=OFF&_journal_mode=DELETE&_txlock=exclusive&_loc=auto",
    { ...plain, path: "data.db" },
  ],
];

const refused: readonly (readonly [text: string, message: string])[] = [
  ["mysql://data.db", 'unsupported scheme "mysql"'],
  ["file:", "it names no file of this machine"],
  ["?mode=rw", "it names no file of this machine"],
  ["file://elsewhere/data.db", "it names no file of this machine"],
  ["data%zz.db", "malformed percent-encoding"],
  ["data.db?mode=ro", "mode ro is of no use: the server writes to its datastore"],
  ["data.db?mode=x", 'unknown mode "x": it is rw, rwc or memory'],
  ["data.db?_busy_timeout=-1", 'invalid _busy_timeout "-1": milliseconds expected'],
  ["data.db?_synchronous=ON;DROP", 'invalid _synchronous "ON;DROP"'],
  ["data.db?_cache_size=1k", 'invalid _cache_size "1k"'],
  ["data.db?vfs=unix-dotfile", "option vfs is not supported"],
  ["data.db?immutable=1", "option immutable is not supported"],
  ["data.db?_locking_mode=EXCLUSIVE", "option _locking_mode is not supported"],
];

describe("parseSqliteDsn()", () => {
  for (const [text, dsn] of accepted)
    it(`takes "${text}"`, () => {
      assert.deepEqual(parseSqliteDsn(text), dsn);
    });

  for (const [text, message] of refused)
    it(`refuses "${text}"`, () => {
      assert.throws(() => parseSqliteDsn(text), { code: Code.InvalidArgument, message });
    });
});
