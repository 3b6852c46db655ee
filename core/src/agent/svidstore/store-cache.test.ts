import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { parseTrustDomain } from "@finial/sdk/spiffe";
import { captureLog, FakeClock, testCa } from "@finial/sdk/testing";
import type { AuthorizedEntry } from "../cache/authorized-entry.ts";
import { byId, type FakeEntryOptions, fakeEntry, toCachedSvid } from "../cache/fake-entry.ts";
import { StoreCache } from "./store-cache.ts";

const clock = new FakeClock();
const ca = await testCa({ clock });

function open(...entries: AuthorizedEntry[]) {
  const logger = captureLog();
  const cache = new StoreCache({ trustDomain: parseTrustDomain("example.org"), logger });
  const update = (
    now: readonly AuthorizedEntry[],
    { changed = [], isDue = false }: { readonly changed?: readonly string[]; readonly isDue?: boolean } = {},
  ): void =>
    cache.updateEntries({ entries: byId(now), changedBundles: new Set(changed), isDue: () => isDue });
  update(entries);
  /** Gives the entry an SVID as the renewer does. */
  const issue = async (entry: AuthorizedEntry, ttlSeconds = 3600) => {
    const svid = toCachedSvid(await ca.x509Svid(entry.spiffeId.path, { ttlSeconds }));
    cache.updateSvids([{ entry, svid }]);
    return svid;
  };
  /** Does what a storekeeper does when all goes well. */
  const keep = (): void => {
    for (const due of cache.dueSvids()) cache.settle(due);
    for (const abandoned of cache.abandonedPlaces()) cache.forget(abandoned);
  };
  return {
    cache,
    logger,
    update,
    issue,
    keep,
    due: () => cache.dueSvids().map(({ entry }) => entry.id),
    abandoned: () => cache.abandonedPlaces().map(({ entry }) => entry.selectors[0]?.value),
    stale: () => cache.staleEntries().map(({ entry }) => entry.id),
  };
}

const stored = (id: string, options: FakeEntryOptions = {}) => fakeEntry(id, { storeSvid: true, ...options });

describe("StoreCache.dueSvids()", () => {
  it("gives an SVID once it is made, until it is settled", async () => {
    const a = stored("a");
    const { due, issue, keep, stale } = open(a);
    assert.deepEqual([due(), stale()], [[], ["a"]]);
    await issue(a);
    assert.deepEqual([due(), stale()], [["a"], []]);
    keep();
    assert.deepEqual(due(), []);
  });

  const a = stored("a", { federatesWith: ["b.example.org"] });
  const changes: readonly {
    readonly title: string;
    readonly entry?: AuthorizedEntry;
    readonly changed?: readonly string[];
    readonly isDueAgain: boolean;
  }[] = [
    { title: "nothing", isDueAgain: false },
    { title: "the trust domain's own bundle", changed: ["example.org"], isDueAgain: true },
    { title: "a bundle the entry federates with", changed: ["b.example.org"], isDueAgain: true },
    { title: "another bundle", changed: ["c.example.org"], isDueAgain: false },
    {
      title: "the entry's revision",
      entry: stored("a", { federatesWith: ["b.example.org"], revisionNumber: 1 }),
      isDueAgain: true,
    },
    {
      title: "the time the entry was made",
      entry: stored("a", { federatesWith: ["b.example.org"], createdAt: new Date(0) }),
      isDueAgain: true,
    },
  ];
  for (const { title, entry = a, changed = [], isDueAgain } of changes)
    it(`gives ${isDueAgain ? "it again" : "nothing"} after a change of ${title}`, async () => {
      const { due, issue, keep, stale, update } = open(a);
      await issue(a);
      keep();
      update([entry], { changed });
      assert.deepEqual(due(), isDueAgain ? ["a"] : []);
      assert.deepEqual(
        stale(),
        entry === a ? [] : ["a"],
        "what an SVID says may have changed with its entry",
      );
    });

  it("gives what came while the last was being stored", async () => {
    const { cache, due, issue } = open(a);
    await issue(a);
    const [first] = cache.dueSvids();
    assert.ok(first);
    const second = await issue(a);
    cache.settle(first);
    assert.deepEqual(due(), ["a"]);
    assert.equal(cache.dueSvids()[0]?.svid, second);
  });

  it("never gives an SVID that was made for another ID", async () => {
    const { due, issue, keep, update, stale } = open(a);
    await issue(a);
    keep();
    const other = stored("a", { path: "/other", revisionNumber: 1 });
    update([other]);
    assert.deepEqual([due(), stale()], [[], ["a"]]);
    await issue(a);
    assert.deepEqual([due(), stale()], [[], ["a"]]);
    await issue(other);
    assert.deepEqual([due(), stale()], [["a"], []]);
  });
});

describe("StoreCache.staleEntries()", () => {
  it("gives those without an SVID first, then those that expire soonest", async () => {
    const [a, b, c] = [stored("a"), stored("b"), stored("c")];
    const { cache, issue, update } = open(a, b, c);
    const [long, short] = [await issue(a, 7200), await issue(b, 60)];
    update([a, b, c], { isDue: true });
    assert.deepEqual(
      cache.staleEntries().map(({ entry, expiresAt }) => [entry.id, expiresAt]),
      [
        ["c", undefined],
        ["b", short.leaf.notAfter],
        ["a", long.leaf.notAfter],
      ],
    );
  });

  it("keeps an entry that changed while its SVID was being made", async () => {
    const a = stored("a");
    const { issue, stale, update } = open(a);
    const later = stored("a", { revisionNumber: 1 });
    update([later]);
    await issue(a);
    assert.deepEqual(stale(), ["a"]);
    await issue(later);
    assert.deepEqual(stale(), []);
  });

  it("forgets entries that are gone, and their SVIDs when they come", async () => {
    const a = stored("a");
    const { cache, issue, stale, update } = open(a);
    update([]);
    await issue(a);
    assert.deepEqual([stale(), cache.idsWithSvid(), cache.dueSvids()], [[], [], []]);
  });
});

describe("StoreCache.taint()", () => {
  it("has tainted SVIDs made anew, and stores them no more", async () => {
    const [a, b] = [stored("a"), stored("b")];
    const { cache, due, issue, stale } = open(a, b);
    const tainted = await issue(a);
    await issue(b);
    assert.equal(
      cache.taint(cache.idsWithSvid(), (svid) => svid === tainted),
      1,
    );
    assert.deepEqual([due(), stale(), cache.idsWithSvid()], [["b"], ["a"], ["b"]]);
    assert.equal(
      cache.taint(["a", "gone"], () => true),
      0,
    );
  });
});

describe("StoreCache.abandonedPlaces()", () => {
  const [a, moved] = [
    stored("a", { selectors: ["s:1"] }),
    stored("a", { selectors: ["s:2"], revisionNumber: 1 }),
  ];

  it("gives the place of an entry that is gone, whether it was ever put there or not, until it is forgotten", () => {
    const { abandoned, keep, logger, update } = open(a);
    assert.deepEqual(abandoned(), []);
    update([]);
    assert.deepEqual(abandoned(), ["1"]);
    update([]);
    assert.deepEqual(abandoned(), ["1"]);
    keep();
    assert.deepEqual(abandoned(), []);
    const fields = { entry: "a", spiffe_id: "spiffe://example.org/a" };
    assert.deepEqual(
      logger.lines,
      ["Entry created", "Entry marked to be removed", "Entry removed"].map((message) => ({
        level: "debug",
        message,
        fields,
      })),
    );
  });

  it("gives the place that an entry has left for another", () => {
    const { abandoned, keep, update, logger } = open(a);
    update([moved]);
    assert.deepEqual(abandoned(), ["1"]);
    keep();
    assert.deepEqual(abandoned(), []);
    assert.equal(logger.lines.at(-1)?.message, "Entry updated");
    update([]);
    assert.deepEqual(abandoned(), ["2"]);
  });

  it("does not give a place that an entry has come back to, or that another has taken", () => {
    const { abandoned, update } = open(a);
    update([moved]);
    update([stored("a", { selectors: ["s:1"], revisionNumber: 2 })]);
    assert.deepEqual(abandoned(), ["2"]);
    update([stored("b", { selectors: ["s:1"] })]);
    assert.deepEqual(abandoned(), ["2"]);
  });

  it("does not heed the order of selectors", () => {
    const { abandoned, update } = open(stored("a", { selectors: ["s:1", "s:2"] }));
    update([stored("a", { selectors: ["s:2", "s:1"], revisionNumber: 1 })]);
    assert.deepEqual(abandoned(), []);
  });

  it("remembers a place that was named anew while it was being emptied", () => {
    const { cache, abandoned, update } = open(a);
    update([]);
    const [old] = cache.abandonedPlaces();
    assert.ok(old);
    update([stored("b", { selectors: ["s:1"] })]);
    cache.forget(old);
    update([]);
    assert.deepEqual(abandoned(), ["1"]);
  });

  it("has what lies there put anew when one of two entries at the same place has gone", async () => {
    const b = stored("b", { selectors: ["s:1"] });
    const { due, issue, keep, update } = open(a, b);
    await issue(a);
    await issue(b);
    keep();
    update([a]);
    assert.deepEqual(due(), ["a"]);
  });

  it("gives no place for selectors that name none", () => {
    const { abandoned, update } = open(stored("a", { selectors: ["s:1", "t:2"] }));
    update([]);
    assert.deepEqual(abandoned(), []);
  });
});
