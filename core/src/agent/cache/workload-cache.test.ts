import assert from "node:assert/strict";
import { describe, it } from "node:test";
import {
  type Bundle,
  formatSelector,
  isSelectorSubset,
  parseSelector,
  selectorSet,
} from "@finial/sdk/spiffe";
import { captureLog, FakeClock, testCa } from "@finial/sdk/testing";
import fc from "fast-check";
import type { AuthorizedEntry } from "./authorized-entry.ts";
import { BundleCache } from "./bundle-cache.ts";
import { byId, type FakeEntryOptions, fakeEntry, toCachedSvid } from "./fake-entry.ts";
import { WorkloadCache } from "./workload-cache.ts";
import type { CachedX509Svid, WorkloadUpdate } from "./workload-update.ts";

const ca = await testCa({ clock: new FakeClock() });
const foreign = (await testCa({ trustDomain: "b.example.org" })).bundle;
/** Made once: the cache does not look into them. */
const svids = new Map<number, CachedX509Svid>();
for (const ttlSeconds of [60, 3600, 7200])
  svids.set(ttlSeconds, toCachedSvid(await ca.x509Svid("/a", { ttlSeconds })));

const svidOf = (ttlSeconds: number): CachedX509Svid => ({ ...(svids.get(ttlSeconds) as CachedX509Svid) });

function open({ maxSize = 100 }: { readonly maxSize?: number } = {}) {
  const clock = new FakeClock();
  const logger = captureLog();
  const bundles = new BundleCache(ca.bundle);
  const cache = new WorkloadCache({ bundles, maxSize, clock, logger });
  const stop = new AbortController();
  let current: readonly AuthorizedEntry[] = [];
  return {
    cache,
    clock,
    logger,
    set: (
      entries: readonly AuthorizedEntry[],
      options: { readonly bundles?: readonly Bundle[]; readonly isDue?: boolean } = {},
    ): void => {
      current = entries;
      const changedBundles = bundles.update(options.bundles ?? [...bundles.all.values()]);
      cache.updateEntries({ entries: byId(entries), changedBundles, isDue: () => options.isDue ?? false });
    },
    issue: (entry: AuthorizedEntry, ttlSeconds = 3600): CachedX509Svid => {
      const svid = svidOf(ttlSeconds);
      cache.updateSvids([{ entry, svid }]);
      return svid;
    },
    /** All there are, as they are now. */
    issueAll: (): void => cache.updateSvids(current.map((entry) => ({ entry, svid: svidOf(3600) }))),
    watch: (...selectors: readonly string[]) => new Watcher(cache, selectors, stop.signal),
    stale: () => cache.staleEntries().map(({ entry }) => entry.id),
    withSvid: () => [...cache.idsWithSvid()].sort(),
    stop: () => stop.abort(),
  };
}

/** A workload that reads what it is told, one at a time. */
class Watcher {
  readonly #stream: AsyncIterator<WorkloadUpdate>;

  constructor(cache: WorkloadCache, selectors: readonly string[], signal: AbortSignal) {
    this.#stream = cache.subscribe(selectors.map(parseSelector), { signal })[Symbol.asyncIterator]();
  }

  /** IDs of the identities in the next update. */
  async next(): Promise<readonly string[]> {
    const { done, value } = await this.#stream.next();
    assert.ok(!done, "the stream has ended");
    return value.identities.map(({ entry }: { readonly entry: AuthorizedEntry }) => entry.id);
  }

  /** The next update once `stir` was done; fails when there was one before. */
  async after(stir: () => void): Promise<readonly string[]> {
    let isThere = false;
    const next = this.next().then((ids) => {
      isThere = true;
      return ids;
    });
    await settled();
    assert.equal(isThere, false, "there was something new before");
    stir();
    return await next;
  }

  /** Does something that does not concern this workload, then something that does. */
  async skips(stir: () => void, concerning: () => void): Promise<void> {
    let isThere = false;
    const next = this.next().then(() => {
      isThere = true;
    });
    stir();
    await settled();
    assert.equal(isThere, false, "it was told of what does not concern it");
    concerning();
    await next;
  }

  async ends(): Promise<void> {
    assert.equal((await this.#stream.next()).done, true);
  }

  async leave(): Promise<void> {
    await this.#stream.return?.();
  }
}

async function settled(): Promise<void> {
  for (let turn = 0; turn < 3; turn++) await new Promise((resolve) => setImmediate(resolve));
}

const entry = (id: string, options: FakeEntryOptions = {}) =>
  fakeEntry(id, { selectors: ["x:w"], path: "/a", ...options });
const [a, b] = [entry("a"), entry("b")];

describe("WorkloadCache.matching() and snapshot()", () => {
  const texts = ["a:1", "a:2", "b:1", "a:1:b"];
  const someEntries = fc.array(fc.uniqueArray(fc.constantFrom(...texts), { minLength: 1, maxLength: 3 }), {
    maxLength: 8,
  });

  it("give by the rule of subsets, in the order of IDs, through every change of entries", () => {
    fc.assert(
      fc.property(
        fc.array(someEntries, { minLength: 1, maxLength: 4 }),
        fc.uniqueArray(fc.constantFrom(...texts)),
        (syncs, held) => {
          const { cache, set, issueAll } = open();
          const selectors = held.map(parseSelector);
          const naive = (entries: readonly AuthorizedEntry[]) =>
            entries
              .filter((each) => isSelectorSubset(each.selectors, selectorSet(selectors)))
              .map(({ id }) => id)
              .sort();
          for (const [revisionNumber, sync] of syncs.entries()) {
            const entries = sync
              .map((needed, index) => entry(`e${index}`, { selectors: needed, revisionNumber }))
              .reverse();
            set(entries);
            issueAll();
            assert.deepEqual(
              cache.matching(selectors).map(({ id }) => id),
              naive(entries),
            );
            assert.deepEqual(
              cache.snapshot(selectors).identities.map((identity) => identity.entry.id),
              naive(entries),
            );
          }
        },
      ),
      { numRuns: 50 },
    );
  });

  it("differ in that a snapshot waits for no SVID, and goes without its federated bundles", () => {
    const { cache, issue, set } = open();
    const federated = entry("a", { federatesWith: ["b.example.org"] });
    set([federated, b], { bundles: [ca.bundle, foreign] });
    issue(b);
    const held = a.selectors;
    assert.deepEqual(
      cache.matching(held).map(({ id }) => id),
      ["a", "b"],
    );
    assert.deepEqual(
      [cache.snapshot(held).identities.length, cache.snapshot(held).federatedBundles],
      [1, new Map()],
    );
    issue(federated);
    assert.deepEqual(cache.snapshot(held).federatedBundles, new Map([["b.example.org", foreign]]));
    assert.deepEqual(cache.snapshot(held).bundle, ca.bundle);
  });

  it("say of a federated bundle that is missing", () => {
    const { cache, issue, logger, set } = open();
    const federated = entry("a", { federatesWith: ["b.example.org"] });
    set([federated]);
    issue(federated);
    assert.deepEqual(cache.snapshot(a.selectors).federatedBundles, new Map());
    assert.deepEqual(logger.lines.at(-1), {
      level: "warn",
      message: "Federated bundle contents missing",
      fields: {
        entry_id: "a",
        spiffe_id: "spiffe://example.org/a",
        federated_bundle: "spiffe://b.example.org",
      },
    });
  });
});

describe("WorkloadCache.subscribe()", () => {
  it("gives at once what is whole, and tells a workload without entries that it has none", async () => {
    const { issue, set, watch } = open();
    set([a, b]);
    issue(a);
    issue(b);
    assert.deepEqual(await watch("x:w", "x:more").next(), ["a", "b"]);
    assert.deepEqual(await watch("x:other").next(), []);
    assert.deepEqual(await watch().next(), []);
  });

  it("waits until all SVIDs are there, then for none of those that come later", async () => {
    const { cache, issue, set, watch } = open();
    set([a, b]);
    issue(a);
    let wanted = 0;
    cache.onWanted(() => wanted++);
    const watcher = watch("x:w");
    assert.equal(wanted, 1);
    assert.deepEqual(await watcher.after(() => issue(b)), ["a", "b"]);
    const c = entry("c");
    assert.deepEqual(await watcher.after(() => set([a, b, c])), ["a", "b"]);
    assert.deepEqual(await watcher.after(() => issue(c)), ["a", "b", "c"]);
    watch("x:w");
    assert.equal(wanted, 1, "all are there");
  });

  it("has an SVID made for an entry that comes to a workload already there, room or not", () => {
    const { set, stale, watch } = open({ maxSize: 0 });
    watch("x:w");
    set([entry("a", { disableX509SvidPrefetch: true }), entry("c", { selectors: ["x:other"] })]);
    assert.deepEqual(stale(), ["a"]);
  });

  it("wants an SVID for an entry whose SVIDs are made only when asked for", () => {
    const { cache, set, stale, watch } = open();
    set([entry("a", { disableX509SvidPrefetch: true })]);
    assert.deepEqual(stale(), []);
    let wanted = 0;
    cache.onWanted(() => wanted++);
    watch("x:w");
    assert.deepEqual([stale(), wanted], [["a"], 1]);
  });

  const concerning: readonly {
    readonly title: string;
    readonly stir: (opened: ReturnType<typeof open>) => void;
  }[] = [
    { title: "a new SVID", stir: ({ issue }) => issue(a) },
    { title: "a new entry", stir: ({ set }) => set([a, b]) },
    { title: "an entry that comes to match", stir: ({ set }) => set([a, entry("c", { revisionNumber: 1 })]) },
    {
      title: "other trust domains",
      stir: ({ set }) => set([entry("a", { revisionNumber: 1, federatesWith: ["b.example.org"] })]),
    },
    {
      title: "the own bundle",
      stir: ({ set }) => set([a], { bundles: [{ ...ca.bundle, sequenceNumber: 9 }] }),
    },
  ];
  for (const { title, stir } of concerning)
    it(`tells of ${title}`, async () => {
      const opened = open();
      opened.set([a, entry("c", { selectors: ["x:other"] })]);
      opened.issue(a);
      const watcher = opened.watch("x:w");
      await watcher.next();
      assert.equal((await watcher.after(() => stir(opened)))[0], "a");
    });

  const federated = entry("a", { federatesWith: ["b.example.org"] });
  it("tells of a federated bundle that comes, changes or goes", async () => {
    const { issue, set, watch } = open();
    set([federated]);
    issue(federated);
    const watcher = watch("x:w");
    await watcher.next();
    await watcher.after(() => set([federated], { bundles: [ca.bundle, foreign] }));
    await watcher.after(() => set([federated], { bundles: [ca.bundle, { ...foreign, sequenceNumber: 9 }] }));
    await watcher.after(() => set([federated], { bundles: [ca.bundle] }));
  });

  const others: readonly {
    readonly title: string;
    readonly stir: (opened: ReturnType<typeof open>) => void;
  }[] = [
    { title: "another's SVID", stir: ({ issue }) => issue(entry("c", { selectors: ["x:other"] })) },
    { title: "another's entry", stir: ({ set }) => set([a, entry("d", { selectors: ["x:other"] })]) },
    {
      title: "a bundle that others federate with",
      stir: ({ set }) =>
        set([a, entry("c", { selectors: ["x:other"], federatesWith: ["b.example.org"] })], {
          bundles: [ca.bundle, foreign],
        }),
    },
    {
      title: "a sync without changes",
      stir: ({ set }) => set([entry("a"), entry("c", { selectors: ["x:other"] })]),
    },
    {
      title: "a change of an entry that will show with its new SVID",
      stir: ({ set }) =>
        set([entry("a", { revisionNumber: 1, hint: "new" }), entry("c", { selectors: ["x:other"] })]),
    },
  ];
  for (const { title, stir } of others)
    it(`does not tell of ${title}`, async () => {
      const opened = open();
      opened.set([a, entry("c", { selectors: ["x:other"] })]);
      opened.issue(a);
      const watcher = opened.watch("x:w");
      await watcher.next();
      await watcher.skips(
        () => stir(opened),
        () => opened.issue(a),
      );
    });

  it("tells a workload that its entry is gone, or needs what it does not have", async () => {
    for (const left of [[], [entry("a", { selectors: ["x:w", "x:more"], revisionNumber: 1 })]]) {
      const { issue, set, watch } = open();
      set([a]);
      issue(a);
      const watcher = watch("x:w");
      await watcher.next();
      assert.deepEqual(await watcher.after(() => set(left)), []);
    }
  });

  it("gives a slow reader what is newest, once", async () => {
    const { issue, set, watch } = open();
    set([a]);
    issue(a);
    const watcher = watch("x:w");
    await watcher.next();
    issue(a);
    set([a, b]);
    issue(b);
    assert.deepEqual(await watcher.next(), ["a", "b"]);
    assert.deepEqual(await watcher.after(() => set([b])), ["b"]);
  });

  it("ends when the signal aborts, and forgets who has left", async () => {
    const { cache, issue, set, stop, watch } = open();
    set([a]);
    issue(a);
    const [one, other] = [watch("x:w"), watch("x:w")];
    await one.next();
    await one.leave();
    assert.equal(cache.subscriptionCount, 1);
    await other.next();
    const ending = other.ends();
    stop();
    await ending;
    assert.equal(cache.subscriptionCount, 0);
    await watch("x:w").ends();
    assert.equal(cache.subscriptionCount, 0);
  });

  it("makes a workload that comes new wait for another SVID than a tainted one, and lets the others keep theirs", async () => {
    const { cache, issue, set, stale, watch } = open();
    set([a, b]);
    issue(a);
    issue(b);
    const old = watch("x:w");
    await old.next();
    assert.equal(
      cache.taint(["a", "gone"], () => true),
      1,
    );
    assert.deepEqual(stale(), ["a"]);
    const young = watch("x:w");
    const c = entry("c");
    assert.deepEqual(await old.after(() => set([a, b, c])), ["a", "b"]);
    issue(c);
    await old.next();
    assert.deepEqual(await young.after(() => issue(a)), ["a", "b", "c"]);
    assert.deepEqual(stale(), []);
  });
});

describe("WorkloadCache.staleEntries()", () => {
  it("gives those that workloads wait for first, then those whose SVIDs expire soonest, then those that nobody needs", () => {
    const { cache, issue, set, stale, watch } = open();
    const entries = [
      entry("long", { selectors: ["x:1"] }),
      entry("unused", { selectors: ["x:2"] }),
      entry("short", { selectors: ["x:3"] }),
      entry("waited", { selectors: ["x:4"] }),
    ];
    set(entries);
    const [long, , short] = entries as [AuthorizedEntry, AuthorizedEntry, AuthorizedEntry, AuthorizedEntry];
    issue(long, 7200);
    const { leaf } = issue(short, 60);
    set(entries, { isDue: true });
    watch("x:4");
    assert.deepEqual(stale(), ["waited", "short", "long", "unused"]);
    assert.deepEqual(cache.staleEntries().map(({ expiresAt }) => expiresAt)[1], leaf.notAfter);
  });

  it("gives an entry that changed, or was made anew, until it has the SVID of what it is now", () => {
    for (const later of [entry("a", { revisionNumber: 1 }), entry("a", { createdAt: new Date(0) })]) {
      const { issue, set, stale } = open();
      set([a]);
      issue(a);
      assert.deepEqual(stale(), []);
      set([later]);
      assert.deepEqual(stale(), ["a"]);
      issue(a);
      assert.deepEqual(stale(), ["a"], "it was under way when the entry changed");
      issue(later);
      assert.deepEqual(stale(), []);
    }
  });

  it("forgets entries that are gone, and what comes for them", () => {
    const { cache, issue, set, stale, withSvid } = open();
    set([a]);
    set([]);
    issue(a);
    assert.deepEqual([stale(), withSvid(), cache.svidCount, cache.entryCount], [[], [], 0, 0]);
  });
});

describe("WorkloadCache's room", () => {
  const many = Array.from({ length: 6 }, (_, index) => entry(`e${index}`, { selectors: [`x:${index}`] }));

  it("is filled with SVIDs that nobody asked for, but not beyond", () => {
    const { issue, set, stale } = open({ maxSize: 3 });
    set(many);
    assert.deepEqual(stale(), ["e0", "e1", "e2"]);
    for (const each of many.slice(0, 3)) issue(each);
    set(many);
    assert.deepEqual(stale(), []);
  });

  it("is exceeded for workloads that are there", () => {
    const { cache, issue, set, stale, watch, withSvid } = open({ maxSize: 2 });
    set(many);
    for (const index of [0, 1, 2, 3]) watch(`x:${index}`);
    assert.deepEqual(stale(), ["e0", "e1", "e2", "e3"]);
    for (const each of many.slice(0, 4)) issue(each);
    set(many);
    assert.deepEqual([withSvid(), cache.svidCount], [["e0", "e1", "e2", "e3"], 4]);
  });

  it("is made by forgetting the SVIDs asked for the longest ago, never those in use", async () => {
    const { cache, clock, issueAll, set, stale, watch, withSvid } = open({ maxSize: 3 });
    set(many);
    for (const index of [4, 0, 5, 1, 3]) {
      const watcher = watch(`x:${index}`);
      issueAll();
      await watcher.next();
      if (index !== 4) await watcher.leave();
      await clock.advance(1000);
    }
    assert.equal(cache.svidCount, 6);
    set(many);
    assert.deepEqual(withSvid(), ["e1", "e3", "e4"]);
    set(many);
    assert.deepEqual(stale(), [], "there is no room to make what was just forgotten");
  });

  it("counts an SVID once, however often it is renewed, tainted or dropped", () => {
    const { cache, issue, set } = open();
    set([a]);
    issue(a);
    issue(a);
    assert.equal(cache.svidCount, 1);
    cache.taint(["a"], () => true);
    assert.equal(cache.svidCount, 1);
    set([entry("a", { path: "/other", revisionNumber: 1 })]);
    assert.equal(cache.svidCount, 0);
    set([]);
    assert.equal(cache.svidCount, 0);
  });
});

describe("WorkloadCache's log", () => {
  it("tells of entries that come, change and go, without their selectors", () => {
    const { issue, logger, set } = open();
    set([a]);
    issue(a);
    set([entry("a", { selectors: ["x:secret"], revisionNumber: 1 })]);
    set([entry("a", { selectors: ["x:secret"], revisionNumber: 2, hint: "x" })]);
    set([]);
    const fields = { entry: "a", spiffe_id: "spiffe://example.org/a" };
    assert.deepEqual(
      logger.lines,
      ["Entry created", "SVID updated", "Entry updated", "Entry removed"].map((message) => ({
        level: "debug",
        message,
        fields,
      })),
    );
    assert.ok(!JSON.stringify(logger.lines).includes(formatSelector({ type: "x", value: "secret" })));
  });
});
