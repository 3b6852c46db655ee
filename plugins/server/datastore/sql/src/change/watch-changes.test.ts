import assert from "node:assert/strict";
import { copyFileSync, rmSync } from "node:fs";
import { describe, it } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { DataStore, type datastore } from "@finial/sdk/server";
import { type LoadedPlugin, loadPlugin } from "@finial/sdk/testing";
import { plugin } from "../plugin.ts";
import { DataFolder } from "../testing/data-folder.ts";
import { keptChanges } from "./change-table.ts";

/** A change, or the epoch of a reset. */
interface Told {
  readonly revision: number;
  readonly what: string;
}

/** Reads changes as they come. Dispose of it. */
class Watch implements AsyncDisposable {
  readonly told: Told[] = [];
  readonly #changes: AsyncGenerator<datastore.Change>;

  constructor(loaded: LoadedPlugin, request: Partial<datastore.WatchChangesRequest> = {}) {
    const stream = loaded.client(DataStore.definition).watchChanges(request);
    this.#changes = (async function* () {
      for await (const { changes } of stream) yield* changes;
    })();
  }

  async next(): Promise<Told> {
    const { value, done } = await this.#changes.next();
    assert.ok(done !== true, "the stream ended");
    const { revision, what } = value;
    assert.ok(what !== undefined);
    const words = what.$case === "reset" ? what.value.epoch : `${what.$case} ${what.value}`;
    const told = { revision, what: words };
    this.told.push(told);
    return told;
  }

  async until(what: string): Promise<Told> {
    for (;;) {
      const told = await this.next();
      if (told.what === what) return told;
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#changes.return(undefined);
  }
}

const kinds: Readonly<Record<string, string>> = {
  entry: "entryId",
  node: "nodeSpiffeId",
  bundle: "bundleTrustDomain",
  federation: "federationTrustDomain",
};

/** The change log after a revision, in the words of the stream. */
function logOf(folder: DataFolder, after: number): Told[] {
  const rows = folder.with((connection) =>
    connection
      .prepare<[number], { revision: number; kind: string; name: string }>(
        "SELECT * FROM finial_changes WHERE revision > ? AND kind <> 'opened' ORDER BY revision",
      )
      .all(after),
  );
  return rows.map(({ revision, kind, name }) => ({
    revision,
    what: `${kinds[kind]} ${kind === "bundle" ? name.slice("spiffe://".length) : name}`,
  }));
}

/**
 * Whether a reader was told all: what it was told is in the log at that revision, revisions grow strictly, and whatever is in
 * the log was told then, or a little later when the thing changed again at once.
 */
function assertComplete(told: readonly Told[], log: readonly Told[]): void {
  const logged = new Map(log.map(({ revision, what }) => [revision, what]));
  const lastTold = new Map<string, number>();
  let last = 0;
  for (const { revision, what } of told) {
    assert.equal(what, logged.get(revision));
    assert.ok(revision > last, "revisions grow strictly");
    last = revision;
    lastTold.set(what, revision);
  }
  for (const { revision, what } of log)
    assert.ok((lastTold.get(what) ?? 0) >= revision, `${what} at ${revision} was not told`);
}

async function writeMuch(loaded: LoadedPlugin, name: string): Promise<void> {
  const store = loaded.client(DataStore.definition);
  const work = Array.from({ length: 40 }, async (_, index) => {
    const id = `${name}-${index}`;
    const spiffeId = `spiffe://example.org/${id}`;
    await store.createEntries({
      entries: [{ id, spiffeId, parentId: "p", selectors: [{ type: "a", value: "b" }] }],
    });
    await store.updateEntry({ entry: { id, hint: "h" }, mask: { hint: true } });
    if (index % 3 === 0) await store.deleteEntry({ id });
    if (index % 5 === 0)
      await store.setBundle({ bundle: { trustDomain: `${name}.org`, refreshHint: index } });
    if (index % 7 === 0) await store.createNode({ node: { spiffeId, expiresAt: 1 } });
  });
  await Promise.all(work);
}

/** What a SPIRE server does, as far as the change log sees it. */
async function writeAsSpire(folder: DataFolder): Promise<void> {
  const connection = folder.connect();
  connection.pragma("busy_timeout = 5000");
  const tell = connection.prepare("INSERT INTO registered_entries_events (entry_id) VALUES (?)");
  for (let index = 0; index < 40; index++) {
    connection.transaction(() => {
      tell.run(`spire-${index}`);
      tell.run("spire");
    })();
    await sleep(2);
  }
  connection.close();
}

describe("watchChanges", () => {
  it("tells all of them, in order, whoever writes at the same time", async () => {
    using folder = new DataFolder();
    await using one = await loadPlugin(plugin, { config: folder.config() });
    await using other = await loadPlugin(plugin, { config: folder.config() });
    await using first = new Watch(one);
    await using second = new Watch(other);
    const start = await first.next();
    assert.deepEqual(await second.next(), start);
    const end = "bundleTrustDomain end.org";
    const watching = Promise.all([first.until(end), second.until(end)]);
    await Promise.all([writeMuch(one, "one"), writeMuch(other, "other"), writeAsSpire(folder)]);
    await one.client(DataStore.definition).createBundle({ bundle: { trustDomain: "end.org" } });
    await watching;
    const log = logOf(folder, start.revision);
    assert.ok(log.length > 280, `${log.length} changes`);
    assertComplete(first.told.slice(1), log);
    assertComplete(second.told.slice(1), log);
  });

  it("goes on where it stopped when the plugin is started again", async () => {
    using folder = new DataFolder();
    const stopped = await (async () => {
      await using loaded = await loadPlugin(plugin, { config: folder.config() });
      await using watch = new Watch(loaded);
      const { what: epoch } = await watch.next();
      const store = loaded.client(DataStore.definition);
      await store.createBundle({ bundle: { trustDomain: "a.org" } });
      const { revision: afterRevision } = await watch.until("bundleTrustDomain a.org");
      await store.createBundle({ bundle: { trustDomain: "b.org" } });
      return { epoch, afterRevision };
    })();
    await using loaded = await loadPlugin(plugin, { config: folder.config() });
    await using watch = new Watch(loaded, stopped);
    assert.equal((await watch.next()).revision, stopped.afterRevision);
    assert.equal((await watch.next()).what, "bundleTrustDomain b.org");
    await loaded.client(DataStore.definition).createBundle({ bundle: { trustDomain: "c.org" } });
    assert.equal((await watch.next()).what, "bundleTrustDomain c.org");
  });

  it("lets a reader go on at another process that was started beside its own", async () => {
    using folder = new DataFolder();
    await using old = await loadPlugin(plugin, { config: folder.config() });
    await using watch = new Watch(old);
    await watch.next();
    const create = (loaded: LoadedPlugin, trustDomain: string): Promise<unknown> =>
      loaded.client(DataStore.definition).createBundle({ bundle: { trustDomain } });
    await using next = await loadPlugin(plugin, { config: folder.config() });
    await create(old, "a.org");
    // The other has given the history another name, which the reader learns before it goes on.
    const { what: epoch, revision: afterRevision } = await watch.next();
    await using resumed = new Watch(next, { epoch, afterRevision });
    assert.deepEqual(await resumed.next(), { what: epoch, revision: afterRevision });
    await create(next, "b.org");
    assert.equal((await resumed.next()).what, "bundleTrustDomain b.org");
  });

  it("says that changes are lost when a backup was restored, or the reader stayed away for too long", async () => {
    using folder = new DataFolder();
    const create = (loaded: LoadedPlugin, trustDomain: string): Promise<unknown> =>
      loaded.client(DataStore.definition).createBundle({ bundle: { trustDomain } });
    const backup = `${folder.file}.backup`;
    const stopped = await (async () => {
      await using loaded = await loadPlugin(plugin, { config: folder.config() });
      await using watch = new Watch(loaded);
      const { what: epoch } = await watch.next();
      folder.with((connection) => connection.exec(`VACUUM INTO '${backup}'`));
      await create(loaded, "lost.org");
      const { revision: afterRevision } = await watch.next();
      return { epoch, afterRevision };
    })();
    for (const suffix of ["-wal", "-shm"]) rmSync(folder.file + suffix, { force: true });
    copyFileSync(backup, folder.file);

    await using loaded = await loadPlugin(plugin, { config: folder.config() });
    await using same = new Watch(loaded, stopped);
    assert.notEqual(
      (await same.next()).revision,
      stopped.afterRevision,
      "the restart counts for what was lost",
    );
    // As many changes as before, and more: the revision alone does not tell.
    for (const name of ["x.org", "y.org", "z.org"]) await create(loaded, name);
    await using watch = new Watch(loaded, stopped);
    const { revision, what: epoch } = await watch.next();
    assert.ok(revision > stopped.afterRevision);

    folder.with((connection) =>
      connection
        .prepare(
          `WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < ?)
           INSERT INTO registered_entries_events (entry_id) SELECT 'e' || i FROM n`,
        )
        .run(keptChanges + 1),
    );
    await using late = new Watch(loaded, { epoch, afterRevision: revision });
    assert.equal((await late.next()).revision, revision + keptChanges + 1);
  });

  it("tells of entries that SPIRE takes away or changes with a bundle, of which it makes no event", async () => {
    using folder = new DataFolder();
    await using loaded = await loadPlugin(plugin, { config: folder.config() });
    const store = loaded.client(DataStore.definition);
    await store.createBundle({ bundle: { trustDomain: "other.org" } });
    await store.createEntries({
      entries: ["deleted", "dissociated"].map((id) => ({
        id,
        spiffeId: `spiffe://example.org/${id}`,
        parentId: "p",
        selectors: [{ type: "a", value: "b" }],
        federatesWith: ["other.org"],
      })),
    });
    await using watch = new Watch(loaded);
    await watch.next();
    folder.with((connection) => connection.exec("DELETE FROM registered_entries WHERE entry_id = 'deleted'"));
    await watch.until("entryId deleted");
    folder.with((connection) => connection.exec("DELETE FROM federated_registration_entries"));
    await watch.until("entryId dissociated");
  });

  it("ends when the plugin closes the database", async () => {
    using folder = new DataFolder();
    using another = new DataFolder();
    await using loaded = await loadPlugin(plugin, { config: folder.config() });
    await using watch = new Watch(loaded);
    await watch.next();
    const ended = assert.rejects(watch.next(), /the database is closed/);
    await loaded.configure(another.config());
    await ended;
  });
});
