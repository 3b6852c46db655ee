import assert from "node:assert/strict";
import { rmSync } from "node:fs";
import { describe, it } from "node:test";
import { Code } from "@finial/sdk";
import { DataStore } from "@finial/sdk/server";
import { captureLog, FakeClock, loadPlugin } from "@finial/sdk/testing";
import { plugin } from "./plugin.ts";
import { DataFolder } from "./testing/data-folder.ts";

describe("the database in use", () => {
  it("is another when another is configured, and what was written stays where it was", async () => {
    using one = new DataFolder();
    using other = new DataFolder();
    await using loaded = await loadPlugin(plugin, { config: one.config() });
    const store = loaded.client(DataStore.definition);
    await store.createBundle({ bundle: { trustDomain: "one.org" } });
    await loaded.configure(other.config());
    assert.equal((await store.countBundles({})).count, 0);
    await loaded.configure(one.config());
    assert.equal((await store.countBundles({})).count, 1);
  });

  it("stays when the next one cannot be opened, or the configuration is wrong", async () => {
    using folder = new DataFolder();
    await using loaded = await loadPlugin(plugin, { config: folder.config() });
    const store = loaded.client(DataStore.definition);
    await store.createBundle({ bundle: { trustDomain: "one.org" } });
    const elsewhere = `${folder.path}/missing/data.sqlite3`;
    await assert.rejects(loaded.configure(folder.config().replace(folder.file, elsewhere)), {
      code: Code.Unavailable,
      message: `unable to open database file "${elsewhere}": its directory does not exist`,
    });
    await assert.rejects(loaded.configure(folder.config("log_sql = 5")), { code: Code.InvalidArgument });
    assert.equal((await store.countBundles({})).count, 1);
    await store.createBundle({ bundle: { trustDomain: "two.org" } });
  });

  it("is the last one's of configurations that come at once, and answers all the while", async () => {
    using one = new DataFolder();
    using other = new DataFolder();
    await using loaded = await loadPlugin(plugin, { config: one.config() });
    const store = loaded.client(DataStore.definition);
    let isDone = false;
    const asking = (async () => {
      for (; !isDone; ) await store.setCaJournal({ journal: { activeX509AuthorityId: "a" } });
    })();
    const configs = [other, one, other, one, other].map((folder) => loaded.configure(folder.config()));
    await Promise.all(configs);
    isDone = true;
    await asking;
    await store.createBundle({ bundle: { trustDomain: "end.org" } });
    const count = "SELECT COUNT(*) FROM bundles";
    const counts = [one, other].map((folder) =>
      folder.with((connection) => connection.prepare(count).pluck().get()),
    );
    assert.deepEqual(counts, [0, 1]);
  });

  it("says once what it opens, and what has no effect", async () => {
    using folder = new DataFolder();
    const logger = captureLog();
    const config = folder.config('ro_connection_string = "x"\nmax_idle_conns = 3');
    await using _ = await loadPlugin(plugin, { config, logger });
    const told = logger.lines.filter(({ level }) => level !== "debug");
    assert.deepEqual(
      told.map(({ level, message }) => `${level} ${message}`),
      [
        "warn Read-only connection is not applicable for sqlite3. Falling back to primary connection",
        "warn max_idle_conns has no effect on sqlite3",
        "info Opening SQL database",
        "info Initializing new database",
        "info Connected to SQL database",
      ],
    );
  });

  it("logs SQL from the moment it is told to, without being opened anew", async () => {
    using folder = new DataFolder();
    const logger = captureLog();
    await using loaded = await loadPlugin(plugin, { config: folder.config(), logger });
    const statements = (): number => logger.lines.filter(({ message }) => message === "SQL").length;
    await loaded.client(DataStore.definition).countBundles({});
    assert.equal(statements(), 0);
    await loaded.configure(folder.config("log_sql = true"));
    await loaded.client(DataStore.definition).countBundles({});
    assert.ok(statements() > 0);
    assert.equal(logger.lines.filter(({ message }) => message === "Opening SQL database").length, 1);
  });

  it("forgets SPIRE's events after twelve hours, whatever time zone they are written in", async () => {
    using folder = new DataFolder();
    const clock = new FakeClock(new Date("2026-06-01T12:00:00Z"));
    await using _ = await loadPlugin(plugin, { config: folder.config(), clock });
    await clock.advance(60_000);
    const tables = ["registered_entries_events", "attested_node_entries_events"];
    folder.with((connection) => {
      for (const table of tables) {
        const insert = connection.prepare(`INSERT INTO ${table} (created_at) VALUES (?)`);
        for (const createdAt of [
          // The next look is at 13:00: twelve hours before is 01:00 UTC.
          "2026-06-01 00:59:59.9+00:00",
          "2026-06-01 06:29:59.123456789+05:30",
          "2026-06-01 01:00:01+00:00",
          "2026-05-31 22:00:01-03:00",
        ])
          insert.run(createdAt);
      }
    });
    const kept = (): unknown[] =>
      folder.with((connection) =>
        tables.flatMap((table) => connection.prepare(`SELECT created_at FROM ${table}`).pluck().all()),
      );
    assert.equal(kept().length, 8);
    await clock.advance(3_600_000);
    const young = ["2026-06-01 01:00:01+00:00", "2026-05-31 22:00:01-03:00"];
    assert.deepEqual(kept(), [...young, ...young]);
  });

  it("is shared by two plugins: a join token goes to one taker of all", async () => {
    using folder = new DataFolder();
    await using one = await loadPlugin(plugin, { config: folder.config() });
    await using other = await loadPlugin(plugin, { config: folder.config() });
    const stores = [one, other].map((loaded) => loaded.client(DataStore.definition));
    const tokens = Array.from({ length: 20 }, (_, index) => `token-${index}`);
    for (const token of tokens) await stores[0]?.createJoinToken({ joinToken: { token, expiresAt: 1000 } });
    const takings = tokens.flatMap((token) =>
      stores.flatMap((store) => [store.takeJoinToken({ token }), store.takeJoinToken({ token })]),
    );
    const taken = (await Promise.all(takings)).flatMap(({ joinToken }) => joinToken?.token ?? []);
    assert.deepEqual(taken.sort(), tokens.sort());
  });

  it("gets the connection back of a reader that leaves a list", async () => {
    using folder = new DataFolder();
    await using loaded = await loadPlugin(plugin, { config: folder.config("max_open_conns = 2") });
    const store = loaded.client(DataStore.definition);
    const entries = Array.from({ length: 2000 }, (_, index) => ({
      id: `e${index}`,
      spiffeId: `spiffe://example.org/e${index}`,
      parentId: "spiffe://example.org/p",
      selectors: [{ type: "a", value: "x".repeat(200) }],
    }));
    await store.createEntries({ entries });
    // There is one reader for all.
    for (let round = 0; round < 3; round++)
      for await (const part of store.listEntries({})) {
        assert.ok(part.entries.length > 0);
        break;
      }
    assert.equal((await store.countEntries({})).count, entries.length);
  });

  it("answers that it is away when its folder is, and not that all is well", async () => {
    using folder = new DataFolder();
    await using loaded = await loadPlugin(plugin);
    rmSync(folder.path, { recursive: true });
    await assert.rejects(loaded.configure(folder.config()), { code: Code.Unavailable });
    await assert.rejects(loaded.client(DataStore.definition).countBundles({}), {
      code: Code.FailedPrecondition,
      message: "not configured",
    });
  });
});
