import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { setImmediate as nextTurn } from "node:timers/promises";
import { Code, systemClock } from "@finial/sdk";
import { FakeClock } from "@finial/sdk/testing";
import type { Transaction } from "../sql.ts";
import { DataFolder } from "../testing/data-folder.ts";
import { SqliteConnection } from "./connection.ts";
import { WriteQueue, type WriteQueueOptions } from "./write-queue.ts";

/** A queue on a file with two tables: names, and references to them that are checked at the commit. */
class Fixture implements AsyncDisposable {
  readonly folder = new DataFolder();
  readonly statements: string[] = [];
  readonly queue: WriteQueue;
  readonly #connection: SqliteConnection;
  commits = 0;

  constructor(options: Partial<WriteQueueOptions> = {}) {
    this.folder.with((connection) => {
      connection.pragma("journal_mode = WAL");
      connection.exec(`CREATE TABLE names (name TEXT PRIMARY KEY);
        CREATE TABLE refs (name TEXT REFERENCES names (name) DEFERRABLE INITIALLY DEFERRED)`);
    });
    const database = this.folder.connect();
    database.pragma("foreign_keys = ON");
    database.pragma("busy_timeout = 0");
    this.#connection = new SqliteConnection(database, (statement) => this.statements.push(statement));
    this.queue = new WriteQueue(this.#connection, {
      clock: systemClock,
      busyTimeoutMs: 5000,
      onCommit: () => this.commits++,
      ...options,
    });
  }

  write(name: string): Promise<string> {
    return this.queue.write(async (transaction) => {
      await insert(transaction, name);
      return name;
    });
  }

  /** What another process finds. */
  get names(): string[] {
    return this.folder.with((other) =>
      other.prepare<[], string>("SELECT name FROM names ORDER BY name").pluck().all(),
    );
  }

  count(statement: string): number {
    return this.statements.filter((each) => each === statement).length;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.queue.close();
    this.#connection.close();
    this.folder[Symbol.dispose]();
  }
}

async function insert(transaction: Transaction, name: string): Promise<void> {
  await transaction.run("INSERT INTO names VALUES (?)", name);
}

describe("WriteQueue", () => {
  it("commits works that wait together at once, and answers each with its own", async () => {
    // However slow the machine is, no time passes.
    await using fixture = new Fixture({ clock: new FakeClock() });
    const names = Array.from({ length: 20 }, (_, index) => `n${String(index).padStart(2, "0")}`);
    assert.deepEqual(await Promise.all(names.map((name) => fixture.write(name))), names);
    assert.equal(fixture.count("COMMIT"), 1);
    assert.equal(fixture.commits, 1);
    assert.deepEqual(fixture.names, names);
    await fixture.write("later");
    assert.equal(fixture.count("COMMIT"), 2);
  });

  it("answers only when another process can read it", async () => {
    await using fixture = new Fixture();
    const seen: string[][] = [];
    await fixture.queue.write(async (transaction) => {
      await insert(transaction, "a");
      seen.push(fixture.names);
    });
    seen.push(fixture.names);
    assert.deepEqual(seen, [[], ["a"]]);
  });

  it("takes back a work that fails, and no other", async () => {
    await using fixture = new Fixture();
    const first = fixture.write("a");
    const failing = fixture.queue.write(async (transaction) => {
      await insert(transaction, "b");
      await insert(transaction, "a");
    });
    const results = await Promise.allSettled([first, failing, fixture.write("c")]);
    assert.deepEqual(
      results.map(({ status }) => status),
      ["fulfilled", "rejected", "fulfilled"],
    );
    await assert.rejects(failing, {
      code: Code.AlreadyExists,
      message: "UNIQUE constraint failed: names.name",
    });
    assert.deepEqual(fixture.names, ["a", "c"]);
    assert.equal(fixture.count("COMMIT"), 1);
  });

  it("takes back what an attempt did, and lets the work go on", async () => {
    await using fixture = new Fixture();
    const code = await fixture.queue.write(async (transaction) => {
      await insert(transaction, "a");
      const failed = transaction.attempt(async () => {
        await insert(transaction, "b");
        await insert(transaction, "a");
      });
      const error = await failed.catch((thrown: unknown) => thrown);
      await transaction.attempt(() => insert(transaction, "c"));
      return (error as { code: Code }).code;
    });
    assert.equal(code, Code.AlreadyExists);
    assert.deepEqual(fixture.names, ["a", "c"]);
  });

  it("acknowledges nothing of a transaction that cannot be committed, and goes on after it", async () => {
    await using fixture = new Fixture();
    const dangling = fixture.queue.write((transaction) =>
      transaction.run("INSERT INTO refs VALUES ('nobody')"),
    );
    const results = await Promise.allSettled([fixture.write("a"), dangling, fixture.write("b")]);
    for (const result of results) {
      assert.equal(result.status, "rejected");
      assert.match(result.reason.message, /FOREIGN KEY/);
    }
    assert.deepEqual(fixture.names, []);
    assert.equal(fixture.commits, 0);
    await fixture.write("c");
    assert.deepEqual(fixture.names, ["c"]);
  });

  it("waits for another process that writes, without stopping this one", async () => {
    await using fixture = new Fixture();
    const other = fixture.folder.connect();
    other.exec("BEGIN IMMEDIATE; INSERT INTO names VALUES ('other')");
    const written = fixture.write("a");
    await systemClock.sleep(30);
    assert.deepEqual(fixture.names, []);
    other.exec("COMMIT");
    other.close();
    await written;
    assert.deepEqual(fixture.names, ["a", "other"]);
  });

  it("gives up on a process that writes for too long, and says so to all that wait", async () => {
    const clock = new FakeClock();
    await using fixture = new Fixture({ clock, busyTimeoutMs: 5000 });
    const other = fixture.folder.connect();
    other.exec("BEGIN IMMEDIATE");
    const results = Promise.allSettled([fixture.write("a"), fixture.write("b")]);
    while (clock.sleeping === 0) await nextTurn();
    await clock.advance(4900);
    assert.equal(clock.sleeping, 1);
    await clock.advance(200);
    for (const result of await results) {
      assert.equal(result.status, "rejected");
      assert.deepEqual([result.reason.code, result.reason.message], [Code.Unavailable, "database is locked"]);
    }
    other.exec("COMMIT");
    other.close();
    await fixture.write("c");
    assert.deepEqual(fixture.names, ["c"]);
  });

  it("lets others have their turn during a long work", async () => {
    await using fixture = new Fixture();
    let turns = 0;
    let isDone = false;
    const counting = (async () => {
      for (; !isDone; turns++) await nextTurn();
    })();
    await fixture.queue.write(async (transaction) => {
      turns = 0;
      for (let index = 0; index < 2000; index++) await insert(transaction, `n${index}`);
      assert.ok(turns >= 5, `${turns} turns`);
    });
    isDone = true;
    await counting;
    assert.equal(fixture.names.length, 2000);
  });

  it("reads between the writes, and tells nobody of it", async () => {
    await using fixture = new Fixture();
    await fixture.write("a");
    const row = await fixture.queue.read((sql) => sql.first("SELECT COUNT(*) AS count FROM names"));
    assert.deepEqual({ ...row }, { count: 1 });
    assert.equal(fixture.commits, 1);
  });

  it("does what it was given before it closes, and takes nothing after", async () => {
    await using fixture = new Fixture();
    const written = fixture.write("a");
    await fixture.queue.close();
    assert.equal(await written, "a");
    await assert.rejects(fixture.write("b"), { code: Code.Unavailable, message: "the database is closed" });
    assert.deepEqual(fixture.names, ["a"]);
  });
});
