import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { Code, codeName, StatusError } from "@finial/sdk";
import { captureLog, FakeClock, testCa } from "@finial/sdk/testing";
import type { AuthorizedEntry } from "../cache/authorized-entry.ts";
import { BundleCache } from "../cache/bundle-cache.ts";
import { byId, type FakeEntryOptions, fakeEntry, toCachedSvid } from "../cache/fake-entry.ts";
import type { SvidStore, X509SvidToStore } from "../facade/svidstore.ts";
import { StoreCache } from "./store-cache.ts";
import { Storekeeper } from "./storekeeper.ts";

const clock = new FakeClock();
const ca = await testCa({ clock });
const other = await testCa({ clock, trustDomain: "b.example.org" });
const svid = await ca.x509Svid("/a");
const { signal } = new AbortController();

type Asked = readonly [what: "put" | "delete", store: string, place: string];

/** A store that remembers what it was asked, and fails when it is told to. */
class FakeStore implements SvidStore {
  readonly name: string;
  readonly requests: X509SvidToStore[] = [];
  /** Called before each answer. */
  before: (asked: Asked) => Promise<void> | void = () => {};
  readonly #asked: Asked[];

  constructor(name: string, asked: Asked[]) {
    this.name = name;
    this.#asked = asked;
  }

  async putX509Svid(request: X509SvidToStore): Promise<void> {
    this.requests.push(request);
    await this.#answer(["put", this.name, request.metadata.join()]);
  }

  async deleteX509Svid(metadata: readonly string[]): Promise<void> {
    await this.#answer(["delete", this.name, metadata.join()]);
  }

  async #answer(asked: Asked): Promise<void> {
    this.#asked.push(asked);
    await this.before(asked);
  }
}

function open() {
  const logger = captureLog();
  const asked: Asked[] = [];
  const [aws, gcp] = [new FakeStore("aws", asked), new FakeStore("gcp", asked)];
  const cache = new StoreCache({ trustDomain: ca.trustDomain, logger: captureLog() });
  const bundles = new BundleCache(ca.bundle);
  const keeper = new Storekeeper({ cache, bundles, stores: [aws, gcp], clock, logger });
  return {
    aws,
    gcp,
    asked,
    bundles,
    cache,
    keeper,
    logger,
    update: (...entries: AuthorizedEntry[]) =>
      cache.updateEntries({ entries: byId(entries), changedBundles: new Set(), isDue: () => false }),
    /** All of them get the same SVID: no store looks into it. */
    issue: (...entries: AuthorizedEntry[]) =>
      cache.updateSvids(entries.map((entry) => ({ entry, svid: toCachedSvid(svid) }))),
    /** What one round asks of the stores. */
    round: async (): Promise<readonly Asked[]> => {
      asked.length = 0;
      await keeper.makeRound(signal);
      return [...asked];
    },
  };
}

const stored = (id: string, options: FakeEntryOptions = {}) =>
  fakeEntry(id, { storeSvid: true, path: "/a", selectors: [`aws:${id}`], ...options });

const refusal = (code: Code): StatusError => new StatusError(code, "TEST", "svidstore(aws): no");

const fields = { entry: "a", spiffe_id: "spiffe://example.org/a", svid_store: "aws" };

describe("Storekeeper.makeRound()", () => {
  it("puts an SVID with its key, bundles and place, once", async () => {
    const { aws, bundles, issue, logger, round, update } = open();
    bundles.update([ca.bundle, other.bundle]);
    const entry = stored("a", {
      selectors: ["aws:region:eu", "aws:name:x"],
      federatesWith: ["b.example.org", "gone.example.org", "example.org"],
    });
    update(entry);
    assert.deepEqual(await round(), [], "there is no SVID yet");
    issue(entry);
    assert.deepEqual(await round(), [["put", "aws", "region:eu,name:x"]]);
    assert.deepEqual(aws.requests, [
      {
        spiffeId: "spiffe://example.org/a",
        certificateChainDer: svid.chainDer,
        privateKeyPkcs8Der: svid.keyPkcs8Der,
        bundleDer: [ca.rootDer],
        expiresAt: new Date("2026-01-01T01:00:00Z"),
        metadata: ["region:eu", "name:x"],
        federatedBundlesDer: new Map([["spiffe://b.example.org", other.rootDer]]),
      },
    ]);
    assert.deepEqual(logger.lines, [
      { level: "debug", message: "SVID stored successfully", fields: { ...fields, revision_number: 2 } },
    ]);
    assert.deepEqual(await round(), []);
  });

  it("deletes what an entry has left before it puts what is new", async () => {
    const { issue, logger, round, update } = open();
    const [before, after] = [stored("a"), stored("a", { selectors: ["aws:b"], revisionNumber: 1 })];
    update(before);
    issue(before);
    await round();
    update(after);
    issue(after);
    assert.deepEqual(await round(), [
      ["delete", "aws", "a"],
      ["put", "aws", "b"],
    ]);
    assert.deepEqual(logger.lines[1], { level: "debug", message: "SVID deleted successfully", fields });
    update();
    assert.deepEqual(await round(), [["delete", "aws", "b"]]);
    assert.deepEqual(await round(), []);
  });

  it("does not delete what another entry has put in the place of one that is gone", async () => {
    const { aws, issue, round, update } = open();
    const [old, young] = [stored("old", { selectors: ["aws:s"] }), stored("a", { selectors: ["aws:s"] })];
    update(old);
    aws.before = () => {
      throw refusal(Code.Unavailable);
    };
    update();
    assert.deepEqual(await round(), [["delete", "aws", "s"]]);
    update(young);
    issue(young);
    assert.deepEqual(await round(), [["put", "aws", "s"]]);
  });

  const deletions = [
    {
      code: Code.InvalidArgument,
      level: "debug",
      message: "Failed to delete SVID because of malformed selectors",
      again: false,
    },
    { code: Code.NotFound, level: "debug", message: "SVID was not in the store", again: false },
    { code: Code.Unavailable, level: "error", message: "Failed to delete SVID", again: true },
    { code: Code.PermissionDenied, level: "error", message: "Failed to delete SVID", again: true },
  ] as const;
  for (const { code, level, message, again } of deletions)
    it(`${again ? "tries again" : "is done"} after a deletion that fails with ${codeName(code)}`, async () => {
      const { aws, logger, round, update } = open();
      update(stored("a"));
      aws.before = () => {
        throw refusal(code);
      };
      update();
      assert.deepEqual(await round(), [["delete", "aws", "a"]]);
      assert.deepEqual(logger.lines, [
        { level, message, fields: { ...fields, error: "svidstore(aws): no" } },
      ]);
      assert.deepEqual(await round(), again ? [["delete", "aws", "a"]] : []);
    });

  it("tries again what could not be put, and goes on with the others", async () => {
    const { aws, issue, logger, round, update } = open();
    const [a, b] = [stored("a"), stored("b")];
    update(a, b);
    issue(a, b);
    aws.before = ([, , place]) => {
      if (place === "a") throw refusal(Code.Internal);
    };
    assert.deepEqual(await round(), [
      ["put", "aws", "a"],
      ["put", "aws", "b"],
    ]);
    assert.deepEqual(logger.lines[0], {
      level: "error",
      message: "Failed to put X509-SVID",
      fields: { ...fields, revision_number: 2, error: "svidstore(aws): no" },
    });
    assert.deepEqual(await round(), [["put", "aws", "a"]]);
  });

  it("does not keep one store waiting for another", async () => {
    const { aws, asked, issue, keeper, update } = open();
    const [a, b] = [stored("a"), stored("b", { selectors: ["gcp:b"] })];
    update(a, b);
    issue(a, b);
    const hanging = Promise.withResolvers<void>();
    aws.before = () => hanging.promise;
    const round = keeper.makeRound(signal);
    await new Promise((resolve) => setImmediate(resolve));
    assert.deepEqual(asked, [
      ["put", "aws", "a"],
      ["put", "gcp", "b"],
    ]);
    hanging.resolve();
    await round;
  });

  it("says once of each SVID that there is no such store", async () => {
    const { issue, logger, round, update } = open();
    const entry = stored("a", { selectors: ["vault:a"] });
    update(entry);
    issue(entry);
    await round();
    await round();
    update();
    await round();
    await round();
    const vault = { ...fields, svid_store: "vault" };
    assert.deepEqual(logger.lines, [
      {
        level: "error",
        message: "Error storing SVID: SVIDStore not found",
        fields: { ...vault, revision_number: 2 },
      },
      { level: "error", message: "Error deleting SVID: SVIDStore not found", fields: vault },
    ]);
  });

  it("says once of each SVID that its selectors name no place", async () => {
    const { issue, logger, round, update } = open();
    const entry = stored("a", { selectors: ["aws:a", "gcp:b"] });
    update(entry);
    issue(entry);
    assert.deepEqual([await round(), await round()], [[], []]);
    const { svid_store: _, ...without } = fields;
    assert.deepEqual(logger.lines, [
      {
        level: "error",
        message: "Invalid store name in selectors",
        fields: { ...without, revision_number: 2, error: "selector contains multiple types" },
      },
    ]);
  });
});

describe("Storekeeper.run()", () => {
  it("makes a round at once and every five seconds, and stops without a word", async () => {
    const { aws, asked, issue, keeper, logger, update } = open();
    const [a, b] = [stored("a"), stored("b")];
    update(a, b);
    issue(a, b);
    const stop = new AbortController();
    aws.before = () => {
      throw refusal(Code.Unavailable);
    };
    const running = keeper.run(stop.signal);
    await clock.advance(0);
    assert.equal(asked.length, 2);
    await clock.advance(4_999);
    assert.equal(asked.length, 2);
    await clock.advance(1);
    assert.equal(asked.length, 4);
    const lines = logger.lines.length;
    aws.before = () => {
      stop.abort();
      throw new StatusError(Code.Cancelled, "CANCELLED", "context canceled");
    };
    const ended = assert.rejects(running, { name: "AbortError" });
    await clock.advance(5_000);
    await ended;
    assert.deepEqual([asked.length, logger.lines.length], [5, lines]);
  });
});
