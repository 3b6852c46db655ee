import assert from "node:assert/strict";
import { chmodSync, existsSync, mkdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, it } from "node:test";
import { setImmediate as nextTurn } from "node:timers/promises";
import { Code } from "@finial/sdk";
import { captureLog, FakeClock } from "@finial/sdk/testing";
import { currentPlace, keptChanges } from "../change/change-table.ts";
import type { Row } from "../sql.ts";
import { DataFolder } from "../testing/data-folder.ts";
import { parseSqliteDsn } from "./dsn.ts";

const insertToken = "INSERT INTO join_tokens (token, expiry) VALUES (?, 1)";

function countTokens(folder: DataFolder): number {
  return folder.with(
    (connection) =>
      connection.prepare<[], number>("SELECT COUNT(*) FROM join_tokens").pluck().get() ?? Number.NaN,
  );
}

describe("openSqlite()", () => {
  it("makes a file that only its owner reads, with a write-ahead log", async () => {
    using folder = new DataFolder();
    await using database = await folder.open();
    for (const suffix of ["", "-wal", "-shm"])
      assert.equal(statSync(folder.file + suffix).mode & 0o777, 0o600, suffix);
    assert.match(database.version, /^3\.\d+\.\d+$/);
    assert.equal(
      folder.with((connection) => connection.pragma("journal_mode", { simple: true })),
      "wal",
    );
  });

  it("leaves the permissions of a file that is there", async () => {
    using folder = new DataFolder();
    writeFileSync(folder.file, "");
    chmodSync(folder.file, 0o640);
    await using _ = await folder.open();
    assert.equal(statSync(folder.file).mode & 0o777, 0o640);
  });

  it("names the file that it cannot open, and makes none", async () => {
    using folder = new DataFolder();
    const missing = join(folder.path, "missing", "data.sqlite3");
    const directory = join(folder.path, "directory");
    const text = join(folder.path, "text");
    mkdirSync(directory);
    writeFileSync(
      text,
      "a text that is longer than the header of a database, and no database at all".repeat(20),
    );
    for (const [path, why] of [
      [missing, "its directory does not exist"],
      [directory, "unable to open database file"],
      [`${folder.file}?mode=rw`, "unable to open database file"],
      [text, "file is not a database"],
    ] as const) {
      const dsn = parseSqliteDsn(path);
      const message = `unable to open database file "${dsn.path}": ${why}`;
      await assert.rejects(folder.open({ dsn }), { code: Code.Unavailable, message });
    }
    assert.equal(existsSync(missing), false);
    assert.equal(existsSync(folder.file), false);
    assert.equal(readFileSync(text, "utf8").startsWith("a text"), true);
  });

  it("names the file that it may only read", async () => {
    using folder = new DataFolder();
    // As a file whose permissions say so, which are nothing to root.
    const dsn = { ...parseSqliteDsn(folder.file), pragmas: [["query_only", "1"]] as const };
    await assert.rejects(folder.open({ dsn }), {
      code: Code.Unavailable,
      message: `unable to write database file "${folder.file}", or one beside it: attempt to write a readonly database`,
    });
  });

  it("syncs every commit to the disk, unless it is told otherwise", async () => {
    const synchronousOf = async (query: string): Promise<number | undefined> => {
      using folder = new DataFolder();
      await using database = await folder.open({ dsn: parseSqliteDsn(folder.file + query) });
      return await database.write(async (transaction) => {
        const row = await transaction.first<Row & { readonly synchronous: number }>("PRAGMA synchronous");
        return row?.synchronous;
      });
    };
    assert.equal(await synchronousOf(""), 2);
    assert.equal(await synchronousOf("?_synchronous=NORMAL"), 1);
  });

  it("writes our triggers anew when they are not as they should be, and leaves a later release's", async () => {
    using folder = new DataFolder();
    const triggers = (): Map<string, string> =>
      folder.with(
        (connection) =>
          new Map(
            connection
              .prepare<[], [string, string]>("SELECT name, sql FROM sqlite_master WHERE type = 'trigger'")
              .raw()
              .all(),
          ),
      );
    await (await folder.open())[Symbol.asyncDispose]();
    const made = triggers();
    assert.ok(made.size > 5);
    folder.with((connection) =>
      connection.exec(`DROP TRIGGER finial_bundle_update;
        DROP TRIGGER finial_node_insert;
        CREATE TRIGGER finial_node_insert AFTER INSERT ON attested_node_entries_events BEGIN SELECT 1; END;
        CREATE TRIGGER finial_later AFTER INSERT ON join_tokens BEGIN SELECT 1; END`),
    );
    await (await folder.open())[Symbol.asyncDispose]();
    const mended = triggers();
    assert.ok(mended.delete("finial_later"));
    assert.deepEqual(new Map([...mended].sort()), new Map([...made].sort()));
  });

  it("keeps so many changes and no more, and the name of the history", async () => {
    using folder = new DataFolder();
    await using database = await folder.open();
    const before = await database.read(currentPlace);
    await database.write((transaction) =>
      transaction.run(
        `WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < ?)
         INSERT INTO registered_entries_events (entry_id) SELECT 'e' || i FROM n`,
        keptChanges + 10,
      ),
    );
    const after = await database.read(currentPlace);
    assert.equal(after.epoch, before.epoch);
    assert.equal(after.revision, before.revision + keptChanges + 10);
    const kept = folder.with((connection) =>
      connection.prepare<[], number>("SELECT COUNT(*) FROM finial_changes").pluck().get(),
    );
    assert.equal(kept, keptChanges + 1);
  });

  it("tells of its own commits at once, and of another process's soon", async () => {
    using folder = new DataFolder();
    const clock = new FakeClock();
    await using database = await folder.open({ clock });
    let told = 0;
    const stop = database.onCommit(() => told++);
    await database.write((transaction) => transaction.run(insertToken, "own"));
    assert.equal(told, 1);
    await clock.advance(2000);
    assert.equal(told, 1, "its own commit is told once");
    folder.with((connection) => connection.prepare(insertToken).run("other"));
    await clock.advance(500);
    assert.equal(told, 2);
    stop();
    await database.write((transaction) => transaction.run(insertToken, "later"));
    assert.equal(told, 2);
    assert.equal(countTokens(folder), 3);
  });

  it("reads one state, whatever is written meanwhile, and gives each reading its turn", async () => {
    using folder = new DataFolder();
    await using database = await folder.open({ maxConnections: 2 });
    const counts: number[] = [];
    const parts = database.readParts(async function* (sql) {
      for (let part = 0; part < 3; part++) {
        const row = await sql.first<Row & { readonly count: number }>(
          "SELECT COUNT(*) AS count FROM join_tokens",
        );
        yield row?.count ?? Number.NaN;
      }
    });
    let waiting: Promise<unknown> | undefined;
    for await (const count of parts) {
      counts.push(count);
      // There is one reader, and the parts have it.
      waiting ??= database.read((sql) => sql.first("SELECT COUNT(*) AS count FROM join_tokens"));
      await database.write((transaction) => transaction.run(insertToken, `t${counts.length}`));
    }
    assert.deepEqual(counts, [0, 0, 0]);
    assert.deepEqual({ ...((await waiting) as object) }, { count: 3 });
  });

  it("frees the reader of a list that is not read to its end", async () => {
    using folder = new DataFolder();
    await using database = await folder.open({ maxConnections: 2 });
    for (let round = 0; round < 5; round++)
      for await (const _ of database.readParts(async function* () {
        yield 1;
        yield 2;
      }))
        break;
    await assert.rejects(
      database.read(async () => {
        throw new TypeError("a reading that fails");
      }),
      TypeError,
    );
    assert.deepEqual({ ...(await database.read((sql) => sql.first("SELECT 1 AS one"))) }, { one: 1 });
  });

  it("ends what waits and what comes after, when it is closed", async () => {
    using folder = new DataFolder();
    const database = await folder.open({ maxConnections: 2 });
    const closed = { code: Code.Unavailable, message: "the database is closed" };
    const reading = database.readParts(async function* (sql) {
      for (;;) yield await sql.first("SELECT 1 AS one");
    });
    const iterator = reading[Symbol.asyncIterator]();
    await iterator.next();
    const waiting = assert.rejects(
      database.read((sql) => sql.first("SELECT 1")),
      closed,
    );
    const written = database.write((transaction) => transaction.run(insertToken, "last"));
    await database[Symbol.asyncDispose]();
    await written;
    await waiting;
    await assert.rejects(iterator.next(), closed);
    await assert.rejects(
      database.read((sql) => sql.first("SELECT 1")),
      closed,
    );
    await assert.rejects(
      database.write((transaction) => transaction.run(insertToken, "late")),
      closed,
    );
    assert.equal(countTokens(folder), 1);
  });

  it("logs statements without their values, while it is told to", async () => {
    using folder = new DataFolder();
    const logger = captureLog();
    let logsSql = false;
    await using database = await folder.open({ logger, logsSql: () => logsSql });
    await database.write((transaction) => transaction.run(insertToken, "quiet"));
    logsSql = true;
    await database.write((transaction) => transaction.run(insertToken, "secret"));
    await nextTurn();
    const logged = logger.lines.filter(({ message }) => message === "SQL");
    assert.deepEqual(
      logged.map(({ fields }) => fields.statement).filter((statement) => statement === insertToken),
      [insertToken],
    );
    assert.ok(!JSON.stringify(logger.lines).includes("secret"));
  });
});
