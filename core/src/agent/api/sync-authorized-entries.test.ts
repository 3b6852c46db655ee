import assert from "node:assert/strict";
import { describe, it } from "node:test";
import {
  EntryDefinition,
  type SyncAuthorizedEntriesRequest,
  type SyncAuthorizedEntriesResponse,
} from "@finial/proto/api/server/entry/v1/entry";
import { Entry } from "@finial/proto/api/types/entry";
import { Code, StatusError } from "@finial/sdk";
import type { PartialMessage } from "@finial/sdk/internal";
import { captureLog, FakeClock, testCa } from "@finial/sdk/testing";
import { byId, fakeEntry } from "../cache/fake-entry.ts";
import type { EntriesById } from "../sync/server-api.ts";
import { FakeServer } from "./fake-server.ts";
import { ServerConnection } from "./server-connection.ts";
import { syncAuthorizedEntries } from "./sync-authorized-entries.ts";

const clock = new FakeClock();
const ca = await testCa({ clock });
const identity = await ca.x509Svid("/spire/server");

type Answer = PartialMessage<SyncAuthorizedEntriesResponse>;
/** The answers to one request; after `end` the server is gone. */
type Script = (request: SyncAuthorizedEntriesRequest, index: number) => readonly (Answer | "end")[];

/** Syncs once with a server that answers as the script says. */
async function sync(script: Script, known: EntriesById = new Map()) {
  const logger = captureLog();
  const requests: SyncAuthorizedEntriesRequest[] = [];
  const ended = Promise.withResolvers<void>();
  await using server = await new FakeServer(captureLog())
    .serve(EntryDefinition, {
      syncAuthorizedEntries: async function* (incoming, { signal }) {
        signal.addEventListener("abort", () => ended.resolve());
        for await (const request of incoming) {
          for (const answer of script(request, requests.length)) {
            if (answer === "end") {
              ended.resolve();
              return;
            }
            yield answer;
          }
          requests.push(request);
        }
        ended.resolve();
      },
    })
    .show(identity);
  using connection = new ServerConnection(server, { identity: () => undefined, verify: () => {} });
  const options = { signal: new AbortController().signal, deadlineMs: 5000, logger };
  try {
    const entries = await syncAuthorizedEntries(connection.client(EntryDefinition), known, options);
    return { entries, requests, logger };
  } finally {
    // The server is told that this was all.
    await ended.promise;
  }
}

const createdAt = Date.UTC(2026, 0, 1) / 1000;

function wire(id: string, more: Partial<Entry> = {}): Entry {
  return Entry.fromPartial({
    id,
    spiffeId: { trustDomain: "example.org", path: `/${id}` },
    parentId: { trustDomain: "example.org", path: "/spire/agent/x" },
    selectors: [{ type: "x", value: id }],
    createdAt,
    ...more,
  });
}

/** A server with these entries and this page size, as SPIRE's pages. */
function pages(entries: readonly Entry[], size: number): Script {
  const inPages = <T>(items: readonly T[], toAnswer: (page: readonly T[]) => Answer): readonly Answer[] => {
    const answers: Answer[] = [];
    for (let start = 0; start < items.length || start === 0; start += size)
      answers.push({ ...toAnswer(items.slice(start, start + size)), more: start + size < items.length });
    return answers;
  };
  return ({ ids }, index) => {
    if (index > 0)
      return inPages(
        entries.filter(({ id }) => ids.includes(id)),
        (some) => ({ entries: [...some] }),
      );
    if (entries.length <= size) return [{ entries: [...entries] }];
    return inPages(entries, (some) => ({
      entryRevisions: some.map(({ id, revisionNumber, createdAt }) => ({ id, revisionNumber, createdAt })),
    }));
  };
}

const idsOf = (entries: EntriesById): readonly string[] => [...entries.keys()].sort();
const complaint = (fields: object) => ({
  level: "warn",
  message: "Received malformed entry from SPIRE server; are the server and agent versions compatible?",
  fields,
});

describe("syncAuthorizedEntries()", () => {
  it("asks for the fields an agent needs, and takes all of them", async () => {
    const entry = wire("a", {
      selectors: [
        { type: "unix", value: "uid:1" },
        { type: "unix", value: "gid:1" },
      ],
      federatesWith: ["b.example.org"],
      admin: true,
      downstream: true,
      revisionNumber: 3,
      storeSvid: true,
      hint: "h",
      additionalAttributes: { disableX509SvidPrefetch: true, jwtSvidIncludeJti: true },
    });
    const { entries, requests } = await sync(() => [{ entries: [entry] }]);
    assert.deepEqual(
      [...entries.values()],
      [
        fakeEntry("a", {
          selectors: ["unix:uid:1", "unix:gid:1"],
          federatesWith: ["b.example.org"],
          admin: true,
          downstream: true,
          revisionNumber: 3,
          storeSvid: true,
          hint: "h",
          createdAt: new Date(createdAt * 1000),
          disableX509SvidPrefetch: true,
          jwtSvidIncludeJti: true,
        }),
      ],
    );
    assert.deepEqual(
      Object.entries(requests[0]?.outputMask ?? {})
        .flatMap(([name, isAsked]) => (isAsked ? [name] : []))
        .sort(),
      [
        "additionalAttributes",
        "admin",
        "createdAt",
        "downstream",
        "federatesWith",
        "hint",
        "revisionNumber",
        "selectors",
        "spiffeId",
        "storeSvid",
      ],
    );
  });

  it("takes no entries for an answer", async () => {
    const { entries, requests } = await sync(() => [{}], byId([fakeEntry("a")]));
    assert.deepEqual([idsOf(entries), requests.length], [[], 1]);
  });

  const many = ["a", "b", "c", "d", "e"];

  it("asks a server with many for those it does not know, in order, a page at a time", async () => {
    const { entries, requests } = await sync(
      pages(
        [...many].reverse().map((id) => wire(id)),
        2,
      ),
    );
    assert.deepEqual(idsOf(entries), many);
    assert.deepEqual(
      requests.map(({ ids }) => ids),
      [[], ["a", "b"], ["c", "d"], ["e"]],
    );
  });

  it("keeps what it knows, asks for what is new or has changed, and forgets what is gone", async () => {
    const known = byId([
      fakeEntry("a"),
      fakeEntry("b", { revisionNumber: 1 }),
      fakeEntry("c", { createdAt: new Date(0) }),
      fakeEntry("gone"),
    ]);
    const { entries, requests } = await sync(
      pages([wire("a"), wire("b", { revisionNumber: 2 }), wire("c"), wire("d")], 3),
      known,
    );
    assert.deepEqual(idsOf(entries), ["a", "b", "c", "d"]);
    assert.equal(entries.get("a"), known.get("a"));
    assert.equal(entries.get("b")?.revisionNumber, 2);
    assert.deepEqual(
      requests.map(({ ids }) => ids),
      [[], ["b", "c", "d"]],
    );
  });

  it("goes without the time an entry was made where an old server does not tell it", async () => {
    const revisions = [{ id: "a", revisionNumber: 0, createdAt: 0 }];
    const known = byId([fakeEntry("a")]);
    const { entries, requests } = await sync(() => [{ entryRevisions: revisions }], known);
    assert.deepEqual([idsOf(entries), requests.length], [["a"], 1]);
  });

  it("takes entries in more pages than it asked for", async () => {
    const script: Script = ({ ids }, index) =>
      index === 0
        ? [{ entryRevisions: many.map((id) => ({ id, revisionNumber: 0, createdAt })) }]
        : ids.map((id, at) => ({ entries: [wire(id)], more: at < ids.length - 1 }));
    const { entries, requests } = await sync(script);
    assert.deepEqual([idsOf(entries), requests.length], [many, 2]);
  });

  it("goes without an entry that is gone when it is asked for", async () => {
    const script: Script = (request, index) =>
      index === 0
        ? pages(
            many.map((id) => wire(id)),
            4,
          )(request, 0)
        : [{}];
    assert.deepEqual(idsOf((await sync(script)).entries), []);
  });

  const malformed: readonly { readonly entry: Entry; readonly id: string; readonly error: string }[] = [
    { entry: wire(""), id: "", error: "missing entry ID" },
    { entry: wire("a", { selectors: [] }), id: "a", error: "selector list is empty" },
    {
      entry: wire("a", { selectors: [{ type: "", value: "x" }] }),
      id: "a",
      error: "missing selector type",
    },
    {
      entry: wire("a", { selectors: [{ type: "x:y", value: "z" }] }),
      id: "a",
      error: "selector type contains ':'",
    },
    {
      entry: wire("a", { selectors: [{ type: "x", value: "" }] }),
      id: "a",
      error: "missing selector value",
    },
    {
      entry: wire("a", { spiffeId: { trustDomain: "example.org", path: "/../b" } }),
      id: "a",
      error: "invalid SPIFFE ID: path cannot contain dot segments",
    },
    {
      entry: wire("a", { spiffeId: { trustDomain: "Example.org", path: "/b" } }),
      id: "a",
      error:
        "invalid SPIFFE ID: trust domain characters are limited to lowercase letters, numbers, dots, dashes, and underscores",
    },
    {
      entry: wire("a", { federatesWith: ["b.example.org", ""] }),
      id: "a",
      error: "invalid federated trust domain: trust domain is missing",
    },
  ];
  for (const { entry, id, error } of malformed)
    it(`leaves out an entry for this reason, which it logs: ${error}`, async () => {
      const { entries, logger } = await sync(() => [{ entries: [wire("good"), entry] }]);
      assert.deepEqual(idsOf(entries), ["good"]);
      assert.deepEqual(logger.lines, [complaint({ entry_id: id, error })]);
    });

  it("leaves out malformed revisions, which it logs", async () => {
    const revisions = [
      { id: "", revisionNumber: 0, createdAt },
      { id: "b", revisionNumber: -1, createdAt },
      { id: "a", revisionNumber: 0, createdAt },
    ];
    const { entries, logger } = await sync(
      () => [{ entryRevisions: revisions }],
      byId(["a", "b"].map((id) => fakeEntry(id))),
    );
    assert.deepEqual(idsOf(entries), ["a"]);
    const message =
      "Received malformed entry revision from SPIRE server; are the server and agent versions compatible?";
    assert.deepEqual(logger.lines, [
      { level: "warn", message, fields: { entry_id: "", revision_number: 0 } },
      { level: "warn", message, fields: { entry_id: "b", revision_number: -1 } },
    ]);
  });

  const revision = { id: "a", revisionNumber: 0, createdAt };
  const broken: readonly { readonly title: string; readonly script: Script; readonly message: string }[] = [
    {
      title: "entries among revisions",
      script: () => [{ entryRevisions: [revision], more: true }, { entries: [wire("a")] }],
      message: "unexpected entry in response receiving entry revisions",
    },
    {
      title: "entries in the first page of revisions",
      script: () => [{ entryRevisions: [revision], entries: [wire("a")] }],
      message: "unexpected entry in response receiving entry revisions",
    },
    {
      title: "revisions in place of entries",
      script: () => [{ entryRevisions: [revision] }],
      message: "unexpected entry revisions in response while requesting entries",
    },
  ];
  for (const { title, script, message } of broken)
    it(`fails for ${title}`, async () => {
      await assert.rejects(sync(script), { code: Code.Internal, reason: "SYNC_UNEXPECTED", message });
    });

  const early: readonly { readonly title: string; readonly script: Script }[] = [
    { title: "at once", script: () => ["end"] },
    { title: "among revisions", script: () => [{ entryRevisions: [revision], more: true }, "end"] },
    {
      title: "in place of entries",
      script: (_, index) => (index === 0 ? [{ entryRevisions: [revision] }] : ["end"]),
    },
    {
      title: "among entries",
      script: (_, index) =>
        index === 0 ? [{ entryRevisions: [revision] }] : [{ entries: [wire("a")], more: true }, "end"],
    },
  ];
  for (const { title, script } of early)
    it(`fails when the server ends ${title}: what was not said is not gone`, async () => {
      await assert.rejects(sync(script), { code: Code.Internal, reason: "SYNC_ENDED" });
    });

  it("fails with the server's failure, however far it was", async () => {
    const script: Script = (_, index) => {
      if (index > 0) throw new StatusError(Code.PermissionDenied, "X", "agent is banned");
      return [{ entryRevisions: [revision] }];
    };
    await assert.rejects(sync(script), { code: Code.PermissionDenied, message: "agent is banned" });
  });
});
