import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { Code, StatusError } from "@finial/sdk";
import { parseSpiffeId, parseTrustDomain, type RegistrationEntry, type Selector } from "@finial/sdk/spiffe";
import { captureLog, FakeClock } from "@finial/sdk/testing";
import type { StoreChange, StorePosition } from "../facade/datastore.ts";
import { type AuthorizedEntriesOptions, openAuthorizedEntries } from "./authorized-entries.ts";

type Store = AuthorizedEntriesOptions["store"];

const agent = parseSpiffeId("spiffe://example.org/spire/agent/a");

function entry(id: string, parentPath = "/spire/agent/a"): RegistrationEntry {
  return {
    id,
    spiffeId: parseSpiffeId(`spiffe://example.org/${id}`),
    parentId: parseSpiffeId(`spiffe://example.org${parentPath}`),
    selectors: [{ type: "x", value: id }],
    x509SvidTtlSeconds: 0,
    jwtSvidTtlSeconds: 0,
    federatesWith: [],
    admin: false,
    downstream: false,
    expiresAt: undefined,
    dnsNames: [],
    revisionNumber: 0,
    storeSvid: false,
    hint: "",
    createdAt: undefined,
    disableX509SvidPrefetch: false,
    jwtSvidIncludeJti: false,
  };
}

/** A store of a few entries and nodes, whose stream a test can break. */
class SmallStore implements Store {
  readonly entries = new Map<string, RegistrationEntry>();
  readonly nodes = new Map<string, readonly Selector[]>();
  loads = 0;
  away = false;
  /** Where each watch was to go on. */
  readonly after: (StorePosition | undefined)[] = [];
  epoch = "first";
  #revision = 0;
  #changes: StoreChange[] = [];
  #wake = Promise.withResolvers<void>();

  setEntry(value: RegistrationEntry): void {
    this.entries.set(value.id, value);
    this.#changed({ kind: "entry", entryId: value.id, revision: ++this.#revision });
  }

  deleteEntry(id: string): void {
    this.entries.delete(id);
    this.#changed({ kind: "entry", entryId: id, revision: ++this.#revision });
  }

  setNode(selectors: readonly Selector[] | undefined): void {
    if (selectors === undefined) this.nodes.delete(agent.toString());
    else this.nodes.set(agent.toString(), selectors);
    this.#changed({ kind: "node", spiffeId: agent.toString(), revision: ++this.#revision });
  }

  /** Ends the stream, with a failure. */
  leave(): void {
    this.away = true;
    this.#wake.resolve();
  }

  #changed(change: StoreChange): void {
    this.#changes.push(change);
    this.#wake.resolve();
  }

  async *watchChanges({
    after,
    signal,
  }: {
    readonly after?: StorePosition;
    readonly signal: AbortSignal;
  }): AsyncGenerator<StoreChange> {
    this.#check();
    this.after.push(after);
    signal.addEventListener("abort", () => this.#wake.resolve());
    this.#changes = [{ kind: "reset", revision: this.#revision, epoch: this.epoch }];
    while (!signal.aborted) {
      this.#check();
      yield* this.#changes.splice(0);
      await this.#wake.promise;
      this.#wake = Promise.withResolvers();
    }
    throw new StatusError(Code.Cancelled, "CANCELLED", "context canceled");
  }

  async listEntries() {
    this.#check();
    this.loads++;
    return { items: [...this.entries.values()], nextToken: "" };
  }

  async findEntries(ids: readonly string[]) {
    this.#check();
    return ids.flatMap((id) => this.entries.get(id) ?? []);
  }

  async findNode(spiffeId: typeof agent) {
    if (!this.nodes.has(spiffeId.toString())) return undefined;
    return {
      spiffeId,
      attestationType: "x",
      serialNumber: "1",
      expiresAt: new Date(0),
      newSerialNumber: "",
      newExpiresAt: undefined,
      canReattest: false,
      agentVersion: "",
      selectors: [],
    };
  }

  async getNodeSelectors(spiffeId: typeof agent) {
    return this.nodes.get(spiffeId.toString()) ?? [];
  }

  async listNodeSelectors() {
    return this.nodes;
  }

  #check(): void {
    if (this.away) throw new StatusError(Code.Unavailable, "AWAY", "the store is away");
  }
}

function start(store: SmallStore) {
  const clock = new FakeClock();
  const logger = captureLog();
  const opened = openAuthorizedEntries({
    store,
    clock,
    logger,
    trustDomain: parseTrustDomain("example.org"),
  });
  return { clock, logger, opened };
}

function idsOf(entries: readonly RegistrationEntry[]): string[] {
  return entries.map(({ id }) => id).sort();
}

describe("openAuthorizedEntries()", () => {
  it("knows what is there when it opens", async () => {
    const store = new SmallStore();
    store.setEntry(entry("1"));
    store.setEntry(entry("group", "/spire/server"));
    store.setEntry(entry("2", "/group"));
    store.setNode([{ type: "x", value: "group" }]);
    await using known = await start(store).opened;
    assert.deepEqual(idsOf(known.authorizedEntries(agent)), ["1", "2"]);
    assert.deepEqual(known.findAuthorizedEntry(agent, "2"), entry("2", "/group"));
    assert.deepEqual([known.isAuthorized(agent, "1"), known.isAuthorized(agent, "group")], [true, false]);
  });

  it("follows entries and nodes that come, change and go", async () => {
    const store = new SmallStore();
    const { clock, opened } = start(store);
    await using known = await opened;
    store.setEntry(entry("1"));
    store.setEntry(entry("group", "/spire/server"));
    store.setEntry(entry("2", "/group"));
    store.setNode([{ type: "x", value: "group" }]);
    await clock.advance(0);
    assert.deepEqual(idsOf(known.authorizedEntries(agent)), ["1", "2"]);
    store.setEntry(entry("1", "/elsewhere"));
    store.setNode(undefined);
    await clock.advance(0);
    assert.deepEqual(idsOf(known.authorizedEntries(agent)), []);
    store.setEntry(entry("1"));
    store.deleteEntry("1");
    await clock.advance(0);
    assert.deepEqual(idsOf(known.authorizedEntries(agent)), []);
    assert.equal(store.loads, 1);
  });

  it("fails when the store is away", async () => {
    const store = new SmallStore();
    store.away = true;
    await assert.rejects(start(store).opened, new StatusError(Code.Unavailable, "AWAY", "the store is away"));
  });

  it("keeps answering while the store is away, and catches up when it is back", async () => {
    const store = new SmallStore();
    store.setEntry(entry("1"));
    const { clock, logger, opened } = start(store);
    await using known = await opened;
    store.leave();
    await clock.advance(1_000);
    assert.deepEqual(idsOf(known.authorizedEntries(agent)), ["1"]);
    assert.equal(logger.lines[0]?.message, "Failed to update entry cache");
    store.setEntry(entry("2"));
    store.away = false;
    await clock.advance(10_000);
    assert.deepEqual(idsOf(known.authorizedEntries(agent)), ["1", "2"]);
  });

  it("goes on where it was, and loads nothing, when the store comes back as it was", async () => {
    const store = new SmallStore();
    store.setEntry(entry("1"));
    const { clock, opened } = start(store);
    await using known = await opened;
    store.setEntry(entry("2"));
    await clock.advance(0);
    for (const epoch of ["second", "third"]) {
      store.leave();
      await clock.advance(1_000);
      store.away = false;
      store.epoch = epoch;
      await clock.advance(10_000);
    }
    assert.deepEqual(store.after, [
      undefined,
      { epoch: "first", revision: 2 },
      { epoch: "second", revision: 2 },
    ]);
    store.setEntry(entry("3"));
    await clock.advance(0);
    assert.deepEqual(idsOf(known.authorizedEntries(agent)), ["1", "2", "3"]);
    assert.equal(store.loads, 1);
  });

  it("loads everything anew once a day", async () => {
    const store = new SmallStore();
    const { clock, opened, logger } = start(store);
    await using known = await opened;
    store.entries.set("1", entry("1"));
    await clock.advance(24 * 3_600_000 - 1);
    assert.deepEqual([store.loads, idsOf(known.authorizedEntries(agent))], [1, []]);
    await clock.advance(10_000);
    assert.deepEqual([store.loads, idsOf(known.authorizedEntries(agent))], [2, ["1"]]);
    assert.deepEqual(logger.lines, []);
  });
});
