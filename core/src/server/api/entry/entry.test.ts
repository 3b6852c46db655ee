import assert from "node:assert/strict";
import { describe, it } from "node:test";
import {
  ListEntriesRequest,
  type ListEntriesRequest_Filter,
  SyncAuthorizedEntriesRequest,
} from "@finial/proto/api/server/entry/v1/entry";
import { Entry, EntryMask } from "@finial/proto/api/types/entry";
import { Code, StatusError } from "@finial/sdk";
import { parseSpiffeId, parseTrustDomain, type RegistrationEntry } from "@finial/sdk/spiffe";
import { captureLog } from "@finial/sdk/testing";
import { fromWireEntry, toWireEntry } from "../../../kernel/convert/entry.ts";
import { fakeCall } from "../fake-call.ts";
import { makeEntryHandlers } from "./handlers.ts";
import type { EntryService } from "./service.ts";

const agent = parseSpiffeId("spiffe://example.org/spire/agent/a");
const away = new StatusError(Code.Unavailable, "AWAY", "datastore-sql: away");

function wireEntry(id: string, path = `/${id}`): Entry {
  return Entry.fromPartial({
    id,
    spiffeId: { trustDomain: "example.org", path },
    parentId: { trustDomain: "example.org", path: "/spire/agent/a" },
    selectors: [{ type: "unix", value: `uid:${id}` }],
    revisionNumber: 3,
    createdAt: 9,
  });
}

const value = (id: string): RegistrationEntry => fromWireEntry(wireEntry(id));

function unexpected(): never {
  throw new Error("not expected to be called");
}

interface Parts {
  readonly store?: Partial<EntryService["store"]>;
  readonly entries?: readonly RegistrationEntry[];
  readonly caller?: typeof agent | undefined;
  readonly entriesPerPage?: number;
}

/** Handlers over a store of which only the given calls are expected. */
function serve(parts: Parts) {
  const logger = captureLog();
  const store: EntryService["store"] = {
    countEntries: unexpected,
    listEntries: unexpected,
    findEntry: unexpected,
    createEntries: unexpected,
    updateEntry: unexpected,
    deleteEntry: unexpected,
    ...parts.store,
  };
  const handlers = makeEntryHandlers({
    store,
    trustDomain: parseTrustDomain("example.org"),
    authorizedEntries: {
      authorizedEntries: (id) => (id.equals(agent) ? (parts.entries ?? []) : unexpected()),
    },
    callerId: () => ("caller" in parts ? parts.caller : agent),
    logger,
    ...(parts.entriesPerPage !== undefined && { entriesPerPage: parts.entriesPerPage }),
  });
  return { handlers, logger, call: fakeCall() };
}

async function refusal(call: () => unknown): Promise<[code: Code, message: string]> {
  try {
    await call();
  } catch (error) {
    const { code, message } = StatusError.from(error);
    return [code, message];
  }
  return assert.fail("it succeeded");
}

const fullFilter: ListEntriesRequest_Filter = {
  bySpiffeId: { trustDomain: "example.org", path: "/db" },
  byParentId: { trustDomain: "example.org", path: "/spire/server" },
  bySelectors: { selectors: [{ type: "unix", value: "uid:1" }], match: 2 },
  byFederatesWith: { trustDomains: ["other.org"], match: 3 },
  byHint: "internal",
  byDownstream: true,
};

const parsedFilter = {
  bySpiffeId: parseSpiffeId("spiffe://example.org/db"),
  byParentId: parseSpiffeId("spiffe://example.org/spire/server"),
  bySelectors: { selectors: [{ type: "unix", value: "uid:1" }], match: "superset" },
  byFederatesWith: { trustDomains: [parseTrustDomain("other.org")], match: "any" },
  byHint: "internal",
  byDownstream: true,
};

describe("countEntries()", () => {
  it("counts what matches the whole filter", async () => {
    const asked: unknown[] = [];
    const { handlers, call } = serve({
      store: {
        countEntries: async (filter) => {
          asked.push(filter);
          return 4;
        },
      },
    });
    const { filter } = ListEntriesRequest.fromPartial({ filter: fullFilter });
    assert.deepEqual(await handlers.countEntries({ filter }, call), { count: 4 });
    assert.deepEqual(await handlers.countEntries({ filter: undefined }, call), { count: 4 });
    // What SPIRE's command sends where nobody asked about downstream entries.
    const { filter: indifferent } = ListEntriesRequest.fromPartial({ filter: { byDownstream: false } });
    assert.deepEqual(await handlers.countEntries({ filter: indifferent }, fakeCall()), {
      count: 4,
    });
    assert.deepEqual(asked, [parsedFilter, {}, {}]);
    assert.deepEqual(call.trail.fields, {
      hint: "internal",
      parent_id: "spiffe://example.org/spire/server",
      spiffe_id: "spiffe://example.org/db",
      by_selector_match: "MATCH_SUPERSET",
      by_selectors: "unix:uid:1",
      federates_with_match: "MATCH_ANY",
      federates_with: "other.org",
      downstream: true,
    });
  });

  it("says why the store failed", async () => {
    const { handlers, call } = serve({ store: { countEntries: () => Promise.reject(away) } });
    assert.deepEqual(await refusal(() => handlers.countEntries({ filter: undefined }, call)), [
      Code.Internal,
      "failed to count entries: datastore-sql: away",
    ]);
  });
});

describe("listEntries()", () => {
  it("gives a page, masked", async () => {
    const asked: unknown[] = [];
    const { handlers, call } = serve({
      store: {
        listEntries: async (...args) => {
          asked.push(args);
          return { items: [value("1"), value("2")], nextToken: "next" };
        },
      },
    });
    const outputMask = EntryMask.fromPartial({ revisionNumber: true });
    const request = ListEntriesRequest.fromPartial({ outputMask, pageSize: 2, pageToken: "here" });
    assert.deepEqual(await handlers.listEntries(request, call), {
      entries: [Entry.create({ id: "1", revisionNumber: 3 }), Entry.create({ id: "2", revisionNumber: 3 })],
      nextPageToken: "next",
    });
    await handlers.listEntries(ListEntriesRequest.create(), call);
    assert.deepEqual(asked, [
      [{}, { size: 2, token: "here" }],
      [{}, undefined],
    ]);
  });

  it("says why the store failed", async () => {
    const { handlers, call } = serve({ store: { listEntries: () => Promise.reject(away) } });
    assert.deepEqual(await refusal(() => handlers.listEntries(ListEntriesRequest.create(), call)), [
      Code.Internal,
      "failed to list entries: datastore-sql: away",
    ]);
  });

  const refused: readonly [filter: object, message: string][] = [
    [
      { byParentId: { trustDomain: "other.org", path: "/a" } },
      'malformed parent ID filter: "spiffe://other.org/a" is not a member of trust domain "example.org"',
    ],
    [
      { bySpiffeId: { trustDomain: "example.org", path: "/spire" } },
      'malformed SPIFFE ID filter: "spiffe://example.org/spire" is not a workload in trust domain "example.org"; path is in the reserved namespace',
    ],
    [{ bySelectors: { selectors: [] } }, "malformed selectors filter: empty selector set"],
    [
      { bySelectors: { selectors: [{ type: "", value: "a" }] } },
      "malformed selectors filter: missing selector type",
    ],
    [{ byFederatesWith: { trustDomains: [] } }, "malformed federates with filter: empty trust domain set"],
    [{ byFederatesWith: { trustDomains: [""] } }, "malformed federates with filter: trust domain is missing"],
  ];
  for (const [filter, message] of refused) {
    it(`rejects a filter: ${message}`, async () => {
      const { handlers, call } = serve({});
      const request = ListEntriesRequest.fromPartial({ filter });
      assert.deepEqual(await refusal(() => handlers.listEntries(request, call)), [
        Code.InvalidArgument,
        message,
      ]);
    });
  }
});

describe("getEntry()", () => {
  it("gives the entry", async () => {
    const { handlers, call } = serve({ store: { findEntry: async (id) => value(id) } });
    assert.deepEqual(await handlers.getEntry({ id: "1", outputMask: undefined }, call), wireEntry("1"));
    assert.deepEqual(call.trail.fields, { entry_id: "1" });
  });

  it("rejects what it cannot find", async () => {
    const none = serve({ store: { findEntry: async () => undefined } });
    const broken = serve({ store: { findEntry: () => Promise.reject(away) } });
    const get = (service: typeof none, id: string) =>
      refusal(() => service.handlers.getEntry({ id, outputMask: undefined }, service.call));
    assert.deepEqual(await get(none, ""), [Code.InvalidArgument, "missing ID"]);
    assert.deepEqual(await get(none, "1"), [Code.NotFound, "entry not found"]);
    assert.deepEqual(await get(broken, "1"), [Code.Internal, "failed to fetch entry: datastore-sql: away"]);
  });
});

describe("batchCreateEntry()", () => {
  it("answers each entry in order, whatever becomes of the others", async () => {
    const { handlers, call, logger } = serve({
      store: {
        createEntries: async (entries) => {
          assert.deepEqual(
            entries.map(({ id }) => id),
            ["new", "old", "bad"],
          );
          return [
            { entry: value("new"), existing: false },
            { entry: value("old"), existing: true },
            {
              error: new StatusError(Code.InvalidArgument, "X", "datastore-sql: invalid registration entry"),
            },
          ];
        },
      },
    });
    const malformed = { ...wireEntry("malformed"), selectors: [] };
    const entries = [malformed, wireEntry("new"), wireEntry("old"), wireEntry("bad")];
    const outputMask = EntryMask.fromPartial({ createdAt: true });
    assert.deepEqual(await handlers.batchCreateEntry({ entries, outputMask }, call), {
      results: [
        { status: { code: 3, message: "failed to convert entry: selector list is empty" }, entry: undefined },
        { status: { code: 0, message: "OK" }, entry: Entry.create({ id: "new", createdAt: 9 }) },
        {
          status: { code: 6, message: "similar entry already exists" },
          entry: Entry.create({ id: "old", createdAt: 9 }),
        },
        {
          status: {
            code: 3,
            message: "failed to create entry: datastore-sql: invalid registration entry",
          },
          entry: undefined,
        },
      ],
    });
    assert.deepEqual(
      logger.lines.map(({ message }) => message),
      ["Invalid argument: failed to convert entry", "Invalid argument: failed to create entry"],
    );
    assert.deepEqual(
      call.trail.items.map(({ status, fields }) => [status.code, fields.entry_id]),
      [
        [3, "malformed"],
        [0, "new"],
        [6, "old"],
        [3, "bad"],
      ],
    );
  });

  it("answers each entry when the store is away", async () => {
    const { handlers, call } = serve({ store: { createEntries: () => Promise.reject(away) } });
    const { results } = await handlers.batchCreateEntry(
      { entries: [wireEntry("1"), wireEntry("2")], outputMask: undefined },
      call,
    );
    const status = { code: Code.Unavailable, message: "failed to create entry: datastore-sql: away" };
    assert.deepEqual(results, [
      { status, entry: undefined },
      { status, entry: undefined },
    ]);
  });

  it("does not trouble the store for nothing", async () => {
    const { handlers, call } = serve({});
    assert.deepEqual(await handlers.batchCreateEntry({ entries: [], outputMask: undefined }, call), {
      results: [],
    });
  });
});

describe("batchUpdateEntry()", () => {
  it("updates the masked fields and answers each entry in order", async () => {
    const asked: unknown[] = [];
    const { handlers, call } = serve({
      store: {
        updateEntry: async (entry, mask) => {
          asked.push([entry.id, entry.hint, entry.selectors, mask]);
          if (entry.id === "gone")
            throw new StatusError(Code.NotFound, "X", "datastore-sql: record not found");
          if (entry.id === "odd") throw new Error("odd");
          return { ...value(entry.id), hint: entry.hint };
        },
      },
    });
    const inputMask = EntryMask.fromPartial({ hint: true });
    const outputMask = EntryMask.fromPartial({ hint: true });
    const entries = ["1", "gone", "odd"].map((id) => ({ ...wireEntry(id), hint: `hint ${id}` }));
    const long = { ...wireEntry("long"), hint: "h".repeat(1025) };
    assert.deepEqual(
      await handlers.batchUpdateEntry({ entries: [...entries, long], inputMask, outputMask }, call),
      {
        results: [
          { status: { code: 0, message: "OK" }, entry: Entry.create({ id: "1", hint: "hint 1" }) },
          {
            status: { code: 5, message: "failed to update entry" },
            entry: undefined,
          },
          { status: { code: 13, message: "failed to update entry: odd" }, entry: undefined },
          {
            status: {
              code: 3,
              message: "failed to convert entry: hint is too long, max length is 1024 characters",
            },
            entry: undefined,
          },
        ],
      },
    );
    const mask = new Set(["hint"]);
    assert.deepEqual(asked, [
      ["1", "hint 1", [], mask],
      ["gone", "hint gone", [], mask],
      ["odd", "hint odd", [], mask],
    ]);
    assert.deepEqual(call.trail.items[0], {
      status: { code: 0, message: "OK" },
      fields: { entry_id: "1", hint: "hint 1" },
    });
  });

  it("updates everything without a mask", async () => {
    const asked: unknown[] = [];
    const { handlers, call } = serve({
      store: {
        updateEntry: async (entry, mask) => {
          asked.push(mask);
          return entry;
        },
      },
    });
    const request = { entries: [wireEntry("1")], inputMask: undefined, outputMask: undefined };
    assert.deepEqual(await handlers.batchUpdateEntry(request, call), {
      results: [{ status: { code: 0, message: "OK" }, entry: { ...wireEntry("1"), createdAt: 0 } }],
    });
    assert.deepEqual(asked, [undefined]);
  });
});

describe("batchDeleteEntry()", () => {
  it("answers each ID in order", async () => {
    const { handlers, call } = serve({
      store: {
        deleteEntry: async (id) => {
          if (id === "gone") throw new StatusError(Code.NotFound, "X", "datastore-sql: record not found");
          if (id === "broken") throw away;
          return value(id);
        },
      },
    });
    assert.deepEqual(await handlers.batchDeleteEntry({ ids: ["1", "", "gone", "broken"] }, call), {
      results: [
        { id: "1", status: { code: 0, message: "OK" } },
        { id: "", status: { code: 3, message: "missing entry ID" } },
        { id: "gone", status: { code: 5, message: "entry not found" } },
        { id: "broken", status: { code: 13, message: "failed to delete entry: datastore-sql: away" } },
      ],
    });
    assert.equal(call.trail.items.length, 4);
  });
});

describe("getAuthorizedEntries()", () => {
  it("gives the caller's entries", async () => {
    const { handlers, call } = serve({ entries: [value("1"), value("2")] });
    assert.deepEqual(await handlers.getAuthorizedEntries({ outputMask: undefined }, call), {
      entries: [wireEntry("1"), wireEntry("2")],
    });
  });

  it("rejects a caller without a SPIFFE ID", async () => {
    const { handlers, call } = serve({ caller: undefined });
    assert.deepEqual(await refusal(() => handlers.getAuthorizedEntries({ outputMask: undefined }, call)), [
      Code.Internal,
      "caller ID missing from request context",
    ]);
  });
});

describe("syncAuthorizedEntries()", () => {
  /** All messages of a stream to which these requests are sent. */
  async function sync(parts: Parts, ...requests: Partial<SyncAuthorizedEntriesRequest>[]) {
    const { handlers, call } = serve(parts);
    async function* sent() {
      yield* requests.map((request) => SyncAuthorizedEntriesRequest.fromPartial(request));
    }
    return await Array.fromAsync(handlers.syncAuthorizedEntries(sent(), call));
  }

  const entries = ["c", "a", "b"].map(value);
  const revision = (id: string) => ({ id, revisionNumber: 3, createdAt: 9 });

  it("sends few entries whole, and ends", async () => {
    const outputMask = EntryMask.fromPartial({ revisionNumber: true });
    assert.deepEqual(await sync({ entries, entriesPerPage: 3 }, { outputMask }, { ids: ["a"] }), [
      { entries: entries.map((entry) => toWireEntry(entry, outputMask)) },
    ]);
  });

  it("sends an empty answer when there are none", async () => {
    assert.deepEqual(await sync({}, {}), [{ entries: [] }]);
  });

  it("sends revisions of many entries in pages, then those asked for, in pages", async () => {
    const outputMask = EntryMask.fromPartial({ revisionNumber: true, createdAt: true });
    const whole = (id: string) => toWireEntry(value(id), outputMask);
    const messages = await sync(
      { entries, entriesPerPage: 2 },
      { outputMask },
      { ids: ["c", "x", "a", "b"] },
      { ids: ["x"] },
      { ids: ["b"], outputMask: EntryMask.create() },
    );
    assert.deepEqual(messages, [
      { entryRevisions: [revision("c"), revision("a")], more: true },
      { entryRevisions: [revision("b")], more: false },
      { entries: [whole("a"), whole("b")], more: true },
      { entries: [whole("c")], more: false },
      { entries: [], more: false },
      { entries: [whole("b")], more: false },
    ]);
  });

  it("rejects a first request it does not understand", async () => {
    const noRevision = { outputMask: EntryMask.fromPartial({ spiffeId: true }) };
    assert.deepEqual(await refusal(() => sync({ entries }, { ids: ["a"] })), [
      Code.InvalidArgument,
      "specifying IDs on initial request is not supported",
    ]);
    assert.deepEqual(await refusal(() => sync({ entries }, noRevision)), [
      Code.InvalidArgument,
      "revision number cannot be masked",
    ]);
    assert.deepEqual(await refusal(() => sync({ entries })), [Code.Unknown, "EOF"]);
    assert.deepEqual(await refusal(() => sync({ caller: undefined }, {})), [
      Code.Internal,
      "caller ID missing from request context",
    ]);
  });
});
