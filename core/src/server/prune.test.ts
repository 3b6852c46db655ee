import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { Code, StatusError } from "@finial/sdk";
import { parseSpiffeId, parseTrustDomain } from "@finial/sdk/spiffe";
import { captureLog, FakeClock } from "@finial/sdk/testing";
import { toWireCaJournal } from "../kernel/convert/ca-journal.ts";
import { runTogether } from "../kernel/lifecycle/run-together.ts";
import type { DataStore } from "./facade/datastore.ts";
import { FakeDataStore } from "./facade/fake-datastore.ts";
import { type PruneOptions, pruneTasks } from "./prune.ts";

const minuteMs = 60_000;
const hourMs = 60 * minuteMs;
const dayMs = 24 * hourMs;
const trustDomain = parseTrustDomain("example.org");

/** A store that notes when it is pruned of what, and by which instant. */
class NotedStore extends FakeDataStore {
  readonly pruned: [what: string, atMs: number, ...args: unknown[]][] = [];
  readonly #clock: FakeClock;

  constructor(clock: FakeClock) {
    super();
    this.#clock = clock;
  }

  #note(what: string, ...args: unknown[]): void {
    this.pruned.push([what, this.#clock.now().getTime() - Date.UTC(2026, 0, 1), ...args]);
  }

  override async pruneEntries(expiresBefore: Date) {
    this.#note("entries", this.#ago(expiresBefore));
    return await super.pruneEntries(expiresBefore);
  }

  override async pruneBundle(...args: Parameters<DataStore["pruneBundle"]>) {
    this.#note("bundle", this.#ago(args[1]));
    return await super.pruneBundle(...args);
  }

  override async listCaJournals() {
    this.#note("journals");
    return await super.listCaJournals();
  }

  override async pruneNodes(...[options]: Parameters<DataStore["pruneNodes"]>) {
    this.#note("nodes", this.#ago(options.expiredBefore), options.includeNonReattestable, options.limit);
    return await super.pruneNodes(options);
  }

  #ago(instant: Date): number {
    return this.#clock.now().getTime() - instant.getTime();
  }
}

/** Prunes from the start of 2026 on, for so long. */
async function pruned(
  forMs: number,
  options: Partial<Pick<PruneOptions, "nodes" | "random">> & {
    readonly prepare?: (store: NotedStore) => unknown;
  } = {},
) {
  const clock = new FakeClock();
  const store = new NotedStore(clock);
  const logger = captureLog();
  await store.setBundle({
    trustDomain,
    x509Authorities: [],
    jwtAuthorities: [],
    refreshHintSeconds: 0,
    sequenceNumber: 1,
  });
  await options.prepare?.(store);
  const { nodes, random = () => 0.5 } = options;
  const tasks = pruneTasks({
    // The others are never asked for.
    store: store as unknown as DataStore,
    trustDomain,
    nodes,
    clock,
    logger,
    random,
  });
  const stop = new AbortController();
  const run = runTogether(tasks, stop.signal);
  await clock.advance(forMs);
  stop.abort();
  await run;
  const times = (what: string) => store.pruned.filter(([kind]) => kind === what).map(([, atMs]) => atMs);
  return { store, logger, times };
}

function journal(id: number, x509Ends: readonly number[], jwtEnds: readonly number[] = []) {
  const issuedAt = new Date(0);
  const shared = { slotId: "A", issuedAt, state: "active", authorityId: "a" } as const;
  return {
    id,
    activeX509AuthorityId: `${id}`,
    activeJwtAuthorityId: "",
    data: toWireCaJournal({
      x509Cas: x509Ends.map((ms) => ({
        ...shared,
        notAfter: new Date(ms),
        certificateDer: Buffer.of(1),
        upstreamChainDer: [],
        upstreamAuthorityId: "",
      })),
      jwtKeys: jwtEnds.map((ms) => ({
        ...shared,
        notAfter: new Date(ms),
        kid: "k",
        publicKeyPkixDer: Buffer.of(1),
      })),
      witKeys: [],
    }),
  };
}

describe("pruneTasks()", () => {
  const nodes = { expiredForMs: 30 * dayMs, includeNonReattestable: true, batchSize: 50 };

  it("prunes each kind at SPIRE's intervals, nothing at the start", async () => {
    const { times } = await pruned(dayMs, { nodes });
    const every = (ms: number): number[] =>
      Array.from({ length: Math.floor(dayMs / ms) }, (_, index) => (index + 1) * ms);
    assert.deepEqual(times("entries"), every(5 * minuteMs));
    assert.deepEqual(times("bundle"), every(6 * hourMs));
    assert.deepEqual(times("journals"), every(8 * hourMs));
    assert.deepEqual(times("nodes"), every(hourMs));
  });

  it("prunes nodes an hour apart, give or take a quarter, so that servers do not all come at once", async () => {
    const first = (await pruned(2 * hourMs, { nodes, random: () => 0 })).times("nodes");
    const last = (await pruned(2 * hourMs, { nodes, random: () => 1 })).times("nodes");
    assert.deepEqual([first[0], last[0]], [45 * minuteMs, 75 * minuteMs]);
  });

  it("prunes by the clock, authorities a day later, nodes as much later as is configured", async () => {
    const { store } = await pruned(6 * hourMs, { nodes });
    const argsOf = (what: string) => store.pruned.find(([kind]) => kind === what)?.slice(2);
    assert.deepEqual(argsOf("entries"), [0]);
    assert.deepEqual(argsOf("bundle"), [dayMs]);
    assert.deepEqual(argsOf("nodes"), [30 * dayMs, true, 50]);
  });

  it("keeps nodes unless they are to be pruned", async () => {
    assert.deepEqual((await pruned(dayMs)).times("nodes"), []);
  });

  it("says which entries went", async () => {
    const { logger } = await pruned(5 * minuteMs, {
      prepare: (store) =>
        store.createEntry({
          id: "e",
          spiffeId: parseSpiffeId("spiffe://example.org/db"),
          parentId: parseSpiffeId("spiffe://example.org/spire/agent/a"),
          selectors: [{ type: "unix", value: "secret" }],
          x509SvidTtlSeconds: 0,
          jwtSvidTtlSeconds: 0,
          federatesWith: [],
          admin: false,
          downstream: false,
          expiresAt: new Date("2026-01-01T00:04:00Z"),
          dnsNames: [],
          revisionNumber: 0,
          storeSvid: false,
          hint: "",
          createdAt: undefined,
          disableX509SvidPrefetch: false,
          jwtSvidIncludeJti: false,
        }),
    });
    assert.deepEqual(logger.lines, [
      {
        level: "info",
        message: "Pruned an expired registration",
        fields: {
          spiffe_id: "spiffe://example.org/db",
          parent_id: "spiffe://example.org/spire/agent/a",
          registration_id: "e",
        },
      },
    ]);
  });

  it("prunes the journals of which every authority expired two weeks ago, and no others", async () => {
    const cutoff = Date.UTC(2026, 0, 1) + 8 * hourMs - 14 * dayMs;
    const { store, logger } = await pruned(8 * hourMs, {
      prepare: ({ journals }) => {
        const second = 1000;
        journals.set(1, journal(1, [cutoff]));
        journals.set(2, journal(2, [cutoff, cutoff + second]));
        journals.set(3, journal(3, [cutoff], [cutoff + second]));
        journals.set(4, { ...journal(4, []), data: Buffer.from("ffffffff", "hex") });
        journals.set(5, journal(5, [cutoff - second], [cutoff]));
      },
    });
    assert.deepEqual([...store.journals.keys()], [2, 3, 4]);
    assert.deepEqual(
      logger.lines.map(({ level, message, fields }) => [level, message, fields.ca_journal_id]),
      [
        ["info", "Pruned stale CA journal record", 1],
        ["warn", "Unable to read CA journal record", 4],
        ["info", "Pruned stale CA journal record", 5],
      ],
    );
  });

  it("does not mind when another server was quicker", async () => {
    const { logger } = await pruned(8 * hourMs, {
      prepare: (store) => {
        store.journals.set(1, journal(1, [0]));
        store.fail(
          "deleteCaJournal",
          new StatusError(Code.NotFound, "X", "datastore-fake: record not found"),
        );
      },
    });
    assert.deepEqual(
      logger.lines.filter(({ level }) => level !== "info"),
      [],
    );
  });

  it("logs what fails, and tries again next time", async () => {
    const { logger, times } = await pruned(8 * hourMs, {
      nodes,
      prepare: (store) => {
        store.away = true;
      },
    });
    const messages = new Set(
      logger.lines.map(({ message, fields }) => `${message}: ${String(fields.error)}`),
    );
    assert.deepEqual([...messages].sort(), [
      "Failed to prune CA journals: datastore-fake: away",
      "Failed to prune attested nodes: datastore-fake: away",
      "Failed to prune bundle: datastore-fake: away",
      "Failed to prune registration entries: datastore-fake: away",
    ]);
    assert.equal(times("entries").length, 96);
  });
});
