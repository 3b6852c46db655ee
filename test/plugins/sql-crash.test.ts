import assert from "node:assert/strict";
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, describe, it } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { DataStoreDefinition } from "@finial/proto/plugin/server/datastore/v1/datastore";
import { ConfigDefinition } from "@finial/proto/plugin/service/config/v1/config";
import { type Client, createClient } from "@finial/sdk/internal";
import { type StartedPlugin, startPluginProcess } from "../support/plugin-process.ts";

const bundle = join(import.meta.dirname, "..", "..", "plugins/server/datastore/sql/dist/plugin.mjs");
const folder = mkdtempSync(join(tmpdir(), "sql-crash-"));
after(() => rmSync(folder, { recursive: true }));

const rounds = 6;
const writers = 16;
const spiffeIdOf = (id: string): string => `spiffe://example.org/${id}`;

type Store = Client<typeof DataStoreDefinition>;

async function start(): Promise<{ readonly started: StartedPlugin; readonly store: Store }> {
  const started = await startPluginProcess(bundle, "DataStore");
  await createClient(ConfigDefinition, started.channel).configure({
    coreConfiguration: { trustDomain: "example.org" },
    hclConfiguration: `database_type = "sqlite3"\nconnection_string = "${join(folder, "data.sqlite3")}"`,
  });
  return { started, store: createClient(DataStoreDefinition, started.channel) };
}

/** Creates entries until the plugin is gone; what was acknowledged. */
async function write(store: Store, name: string, onAcknowledged: () => void): Promise<string[]> {
  const acknowledged: string[] = [];
  for (let index = 0; ; index++) {
    const id = `${name}-${index}`;
    const entry = {
      id,
      spiffeId: spiffeIdOf(id),
      parentId: spiffeIdOf("parent"),
      selectors: [{ type: "unix", value: `user:${id}` }],
      dnsNames: [`${id}.example.org`],
    };
    try {
      const { results } = await store.createEntries({ entries: [entry] });
      assert.equal(results[0]?.code, 0);
    } catch {
      // The plugin was killed: this one was not acknowledged, and may be there or not.
      return acknowledged;
    }
    acknowledged.push(id);
    onAcknowledged();
  }
}

/** Where the store's history begins. */
async function beginning(): Promise<{ readonly epoch: string; readonly afterRevision: number }> {
  const { started, store } = await start();
  await using _ = started;
  for await (const { changes } of store.watchChanges({})) {
    const [reset] = changes;
    assert.equal(reset?.what?.$case, "reset");
    return { epoch: reset.what.value.epoch, afterRevision: reset.revision };
  }
  throw new Error("the stream ended");
}

/** Ids of the entries that were told of since a place in the history. */
async function toldSince(
  store: Store,
  place: { readonly epoch: string; readonly afterRevision: number },
): Promise<Set<string>> {
  await store.createBundle({ bundle: { trustDomain: "end.org" } });
  const told = new Set<string>();
  let last = place.afterRevision;
  for await (const { changes } of store.watchChanges(place))
    for (const { revision, what } of changes) {
      if (what?.$case === "reset") {
        assert.equal(revision, place.afterRevision, "the history goes on");
        continue;
      }
      assert.ok(revision > last, "revisions grow strictly");
      last = revision;
      if (what?.$case === "entryId") told.add(what.value);
      if (what?.$case === "bundleTrustDomain") return told;
    }
  throw new Error("the stream ended");
}

describe('DataStore "sql", killed while it writes', () => {
  it("has every entry that it acknowledged, whole, and a change for each", async () => {
    const place = await beginning();
    const acknowledged = new Set<string>();
    for (let round = 0; round < rounds; round++) {
      const { started, store } = await start();
      await using _ = started;
      const underWay = Promise.withResolvers<void>();
      let count = 0;
      const onAcknowledged = (): void => {
        if (++count > writers) underWay.resolve();
      };
      const writing = Promise.all(
        Array.from({ length: writers }, (__, writer) => write(store, `r${round}-w${writer}`, onAcknowledged)),
      );
      // At another moment of the work each time.
      await underWay.promise;
      await sleep(round * 47);
      const exited = once(started.child, "exit");
      started.child.kill("SIGKILL");
      await exited;
      for (const id of (await writing).flat()) acknowledged.add(id);
    }
    assert.ok(acknowledged.size > rounds * writers, `${acknowledged.size} acknowledged`);

    const { started, store } = await start();
    await using _ = started;
    const parts = await Array.fromAsync(store.listEntries({}));
    const entries = parts.flatMap((part) => part.entries);
    for (const { id, spiffeId, selectors, dnsNames } of entries)
      assert.deepEqual(
        [spiffeId, selectors, dnsNames],
        [spiffeIdOf(id), [{ type: "unix", value: `user:${id}` }], [`${id}.example.org`]],
      );
    const held = new Set(entries.map(({ id }) => id));
    assert.deepEqual([...acknowledged.difference(held)], [], "acknowledged and lost");
    // One of each writer may have been written and not acknowledged.
    assert.ok(held.size <= acknowledged.size + rounds * writers);
    assert.deepEqual(await toldSince(store, place), held);
  });
});
