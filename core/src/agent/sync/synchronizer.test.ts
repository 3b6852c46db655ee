import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { Code, StatusError } from "@finial/sdk";
import { type Certificate, CertificateRequest, subjectAltNameExtension } from "@finial/sdk/crypto";
import type { Bundle } from "@finial/sdk/spiffe";
import { captureLog, FakeClock, testCa } from "@finial/sdk/testing";
import { permissionDenied } from "../../kernel/convert/permission-denied.ts";
import type { AuthorizedEntry } from "../cache/authorized-entry.ts";
import { BundleCache } from "../cache/bundle-cache.ts";
import { fakeEntry } from "../cache/fake-entry.ts";
import { JwtSvidCache } from "../cache/jwt-svid-cache.ts";
import { WorkloadCache } from "../cache/workload-cache.ts";
import { StoreCache } from "../svidstore/store-cache.ts";
import { FakeServerApi } from "./fake-server-api.ts";
import { RotationPolicy } from "./rotation.ts";
import { Synchronizer } from "./synchronizer.ts";
import { X509SvidRenewer } from "./x509-svid-renewer.ts";

const ca = await testCa({ clock: new FakeClock() });
const next = await testCa({ clock: new FakeClock() });

function open({
  intervalMs = 5_000,
  bundle = ca.bundle,
  maxSize = 1000,
}: {
  readonly intervalMs?: number;
  readonly bundle?: Bundle;
  readonly maxSize?: number;
} = {}) {
  const clock = new FakeClock();
  const logger = captureLog();
  /** Who signs now. */
  const authority = { ca };
  const api = new FakeServerApi(bundle, async ({ spiffeId }: AuthorizedEntry, csrDer: Buffer) => {
    const { publicKey } = CertificateRequest.parse(csrDer);
    const extensions = [subjectAltNameExtension({ uris: [spiffeId.toString()], dnsNames: [] }, false)];
    return [await authority.ca.certify(publicKey, { extensions })];
  });
  const bundles = new BundleCache(ca.bundle);
  const workloads = new WorkloadCache({ bundles, maxSize, clock, logger: captureLog() });
  const stored = new StoreCache({ trustDomain: ca.trustDomain, logger: captureLog() });
  const jwtSvids = new JwtSvidCache({ maxSize: 10, logger });
  const rotation = new RotationPolicy({ availabilityTargetMs: undefined, random: () => 0.5 });
  const tainted: (readonly Certificate[])[] = [];
  const events: string[] = [];
  const onUnknown: { answer: () => void } = { answer: () => {} };
  const synchronizer = new Synchronizer({
    api,
    bundles,
    workloads,
    stored,
    jwtSvids,
    renewer: new X509SvidRenewer({ api, keyType: "ec-p256", rotation, logger: captureLog() }),
    rotation,
    intervalMs,
    useSync: true,
    onTainted: (authorities) => tainted.push(authorities),
    onSuccess: () => events.push("success"),
    onUnknownAuthority: () => {
      events.push("unknown authority");
      onUnknown.answer();
    },
    clock,
    logger,
    random: () => 0.5,
  });
  const stop = new AbortController();
  return {
    api,
    authority,
    bundles,
    clock,
    events,
    jwtSvids,
    logger,
    onUnknown,
    stop,
    stored,
    synchronizer,
    tainted,
    workloads,
    sync: () => synchronizer.sync(stop.signal),
    run: () => synchronizer.run(stop.signal),
    /** How many syncs there were after so much time. */
    syncsAfter: async (ms: number): Promise<number> => {
      await clock.advance(ms);
      return api.count("syncEntries");
    },
    errors: () => logger.lines.filter(({ level }) => level === "error").map(({ message }) => message),
  };
}

async function until(isSo: () => boolean): Promise<void> {
  for (let turn = 0; !isSo(); turn++) {
    if (turn > 5000) throw new assert.AssertionError({ message: "it never came" });
    await new Promise((resolve) => setTimeout(resolve, 1));
  }
}

const away = new StatusError(Code.Unavailable, "X", "server is away");
const unknown = new StatusError(
  Code.Unavailable,
  "X",
  "authentication handshake failed: x509: certificate signed by unknown authority",
);

describe("Synchronizer.sync()", () => {
  it("brings entries and bundles, and SVIDs for workloads and for stores", async () => {
    const { api, bundles, events, stored, sync, synchronizer, workloads } = open();
    const foreign = (await testCa({ trustDomain: "b.example.org" })).bundle;
    api.bundles = [{ ...ca.bundle, sequenceNumber: 7 }, foreign];
    api.entries = [
      fakeEntry("served", { federatesWith: ["b.example.org"] }),
      fakeEntry("stored", { storeSvid: true, selectors: ["aws:x"] }),
    ];
    assert.equal(synchronizer.lastSync, undefined);
    await sync();
    assert.deepEqual([workloads.idsWithSvid(), stored.idsWithSvid()], [["served"], ["stored"]]);
    assert.deepEqual([bundles.own.sequenceNumber, bundles.find(foreign.trustDomain)], [7, foreign]);
    assert.deepEqual(synchronizer.lastSync, new Date("2026-01-01T00:00:00Z"));
    assert.deepEqual(events, ["success"]);
    assert.deepEqual(workloads.matching([{ type: "aws", value: "x" }]), [], "it is for the store alone");
  });

  it("moves an entry from workloads to the store and back", async () => {
    const { api, stored, sync, workloads } = open();
    const place = { selectors: ["aws:x"] };
    api.entries = [fakeEntry("a", place)];
    await sync();
    api.entries = [fakeEntry("a", { ...place, storeSvid: true, revisionNumber: 1 })];
    await sync();
    assert.deepEqual([workloads.idsWithSvid(), stored.idsWithSvid()], [[], ["a"]]);
    api.entries = [fakeEntry("a", { ...place, revisionNumber: 2 })];
    await sync();
    assert.deepEqual([workloads.idsWithSvid(), stored.idsWithSvid()], [["a"], []]);
  });

  it("renews what is due", async () => {
    const { api, clock, sync, workloads } = open();
    api.entries = [fakeEntry("a")];
    await sync();
    const [first] = workloads.snapshot([{ type: "x", value: "a" }]).identities;
    await clock.advance(29 * 60_000);
    await sync();
    assert.equal(api.batches.length, 1);
    await clock.advance(2 * 60_000);
    await sync();
    const [second] = workloads.snapshot([{ type: "x", value: "a" }]).identities;
    assert.equal(api.batches.length, 2);
    assert.notEqual(first?.svid, second?.svid);
  });

  it("counts as none when the SVIDs could not be had, but what it brought is there", async () => {
    const { api, events, sync, synchronizer, workloads } = open();
    api.entries = [fakeEntry("a")];
    api.before = (method) => {
      if (method === "newX509Svids") throw away;
    };
    await assert.rejects(sync(), away);
    assert.deepEqual([workloads.entryCount, synchronizer.lastSync, events], [1, undefined, []]);
  });
});

describe("Synchronizer.run()", () => {
  it("syncs every so often, and stops when it is told to", async () => {
    const { api, run, stop, syncsAfter } = open();
    api.entries = [fakeEntry("a")];
    const running = run();
    assert.equal(await syncsAfter(4_999), 0);
    assert.equal(await syncsAfter(1), 1);
    await until(() => api.count("newX509Svids") === 1);
    for (const expected of [2, 3, 4]) assert.equal(await syncsAfter(5_000), expected);
    stop.abort();
    await running;
  });

  it("waits no longer than five seconds as long as the agent has no SVIDs, however long the interval is", async () => {
    const { api, run, stop, syncsAfter, workloads } = open({ intervalMs: 60_000 });
    const running = run();
    for (const expected of [1, 2, 3]) assert.equal(await syncsAfter(5_000), expected);
    api.entries = [fakeEntry("a")];
    assert.equal(await syncsAfter(5_000), 4);
    await until(() => workloads.svidCount === 1);
    assert.equal(await syncsAfter(5_000), 4);
    assert.equal(await syncsAfter(55_000), 5);
    stop.abort();
    await running;
  });

  it("waits longer after each failure, which it logs, up to 48 intervals, and the usual time after a success", async () => {
    const { api, errors, run, stop, syncsAfter } = open({ intervalMs: 1_000 });
    api.before = () => {
      throw away;
    };
    const running = run();
    for (const [ms, expected] of [
      [1_000, 1],
      [1_499, 1],
      [1, 2],
      [2_249, 2],
      [1, 3],
      [3_375, 4],
    ] as const)
      assert.equal(await syncsAfter(ms), expected);
    assert.deepEqual(
      errors(),
      Array.from({ length: 4 }, () => "Synchronize failed"),
    );
    await syncsAfter(150_000);
    const before = api.count("syncEntries");
    assert.equal(await syncsAfter(96_000), before + 2);
    api.before = () => {};
    await syncsAfter(48_000);
    const after = api.count("syncEntries");
    assert.equal(await syncsAfter(3_000), after + 3);
    stop.abort();
    await running;
  });

  it("waits no longer than eight minutes however long the interval is", async () => {
    const { api, run, stop, syncsAfter } = open({ intervalMs: 60_000 });
    api.before = () => {
      throw away;
    };
    const running = run();
    await syncsAfter(1_300_000);
    const before = api.count("syncEntries");
    assert.equal(await syncsAfter(960_000), before + 2);
    stop.abort();
    await running;
  });

  it("ends with the server's denial, which it logs", async () => {
    for (const reason of ["AGENT_BANNED", "AGENT_EXPIRED"] as const) {
      const { api, clock, errors, run } = open();
      const denial = permissionDenied(reason, "agent is denied");
      api.before = () => {
        throw denial;
      };
      const ended = assert.rejects(run(), denial);
      await clock.advance(5_000);
      await ended;
      assert.deepEqual(errors(), ["Synchronize failed"]);
    }
  });

  it("asks what to do about an unknown authority, goes on soon, or ends with the answer", async () => {
    const { api, clock, errors, events, onUnknown, run, syncsAfter } = open({ intervalMs: 60_000 });
    api.before = () => {
      throw unknown;
    };
    const running = run();
    for (const expected of [1, 2, 3]) assert.equal(await syncsAfter(5_000), expected);
    assert.deepEqual([events, errors()], [Array.from({ length: 3 }, () => "unknown authority"), []]);
    const end = new StatusError(Code.FailedPrecondition, "REBOOTSTRAP", "shutting down for rebootstrapping");
    onUnknown.answer = () => {
      throw end;
    };
    const ended = assert.rejects(running, end);
    await clock.advance(5_000);
    await ended;
  });

  const forWorkload = { selectors: ["x:w"], disableX509SvidPrefetch: true };
  const held = [{ type: "x", value: "w" }];

  it("has an SVID made at once for a workload that waits", async () => {
    const { api, run, stop, sync, workloads } = open();
    api.entries = [fakeEntry("a", forWorkload)];
    await sync();
    assert.equal(workloads.svidCount, 0);
    const running = run();
    const stream = workloads.subscribe(held, { signal: stop.signal })[Symbol.asyncIterator]();
    const { value } = await stream.next();
    assert.equal(value?.identities[0]?.entry.id, "a");
    stop.abort();
    await running;
  });

  it("has an SVID made as soon as possible for a workload that comes while others are made", async () => {
    const { api, run, stop, sync, workloads } = open();
    api.entries = [fakeEntry("a", forWorkload), fakeEntry("b", { ...forWorkload, selectors: ["x:b"] })];
    await sync();
    const answer = Promise.withResolvers<void>();
    const asked = Promise.withResolvers<void>();
    api.before = async () => {
      asked.resolve();
      await answer.promise;
    };
    const running = run();
    const first = workloads.subscribe(held, { signal: stop.signal })[Symbol.asyncIterator]().next();
    await asked.promise;
    const later = workloads
      .subscribe([{ type: "x", value: "b" }], { signal: stop.signal })
      [Symbol.asyncIterator]()
      .next();
    answer.resolve();
    await first;
    const { value } = await later;
    assert.equal(value?.identities[0]?.entry.id, "b");
    assert.deepEqual(api.batches, [["a"], ["b"]]);
    stop.abort();
    await running;
  });

  it("does not hurry a server that has just failed: half a second, then longer, whoever waits", async () => {
    const { api, clock, errors, run, stop, sync, workloads } = open({ intervalMs: 3_600_000 });
    api.entries = [fakeEntry("a", forWorkload)];
    await sync();
    api.before = () => {
      throw away;
    };
    const running = run();
    workloads.subscribe(held, { signal: stop.signal });
    await until(() => errors().length === 1);
    assert.deepEqual(errors(), ["SVID sync failed"]);
    workloads.subscribe(held, { signal: stop.signal });
    workloads.subscribe(held, { signal: stop.signal });
    for (const [ms, failures] of [
      [749, 1],
      [1, 2],
      [1_124, 2],
      [1, 3],
    ] as const) {
      await clock.advance(0);
      await clock.advance(ms);
      await until(() => errors().length >= failures);
      await new Promise((resolve) => setTimeout(resolve, 10));
      assert.deepEqual([errors().length, api.count("newX509Svids")], [failures, failures], `${ms} ms later`);
    }
    api.before = () => {};
    await clock.advance(1_688);
    await until(() => workloads.svidCount === 1);
    stop.abort();
    await running;
  });
});

describe("Synchronizer and tainted authorities", () => {
  const [x509] = ca.bundle.x509Authorities;
  const [jwt] = ca.bundle.jwtAuthorities;
  assert.ok(x509 && jwt);
  const taintedBundle = {
    ...ca.bundle,
    x509Authorities: [{ ...x509, tainted: true }, ...next.bundle.x509Authorities],
    jwtAuthorities: [{ ...jwt, tainted: true }],
    sequenceNumber: 2,
  };

  it("renews what a tainted authority has signed, a hundred every five seconds, once", async () => {
    const { api, authority, clock, logger, stored, sync, tainted, workloads } = open();
    api.entries = [
      ...Array.from({ length: 130 }, (_, index) => fakeEntry(`e${index}`)),
      fakeEntry("stored", { storeSvid: true, selectors: ["aws:x"] }),
    ];
    await sync();
    assert.deepEqual([workloads.svidCount, stored.idsWithSvid()], [130, ["stored"]]);
    authority.ca = next;
    api.bundles = [taintedBundle];
    await sync();
    await until(() => clock.sleeping === 1);
    assert.deepEqual(
      tainted.map((some) => some.map(({ der }) => der)),
      [[ca.rootDer]],
    );
    await sync();
    const renewed = () =>
      Array.from(
        { length: 130 },
        (_, index) => workloads.snapshot([{ type: "x", value: `e${index}` }]).identities[0],
      ).filter((identity) => identity?.svid.leaf.isSignedBy(next.root.publicKey)).length;
    assert.equal(renewed(), 100);
    await clock.advance(5_000);
    await until(() =>
      logger.lines.some(({ message }) => message === "Finished processing all tainted entries"),
    );
    await sync();
    assert.equal(renewed(), 130);
    assert.deepEqual(stored.idsWithSvid(), ["stored"]);
    assert.ok(stored.dueSvids()[0]?.svid.leaf.isSignedBy(next.root.publicKey));
    assert.equal(tainted.length, 1, "the agent is told once");
    assert.deepEqual(
      logger.lines.map(({ level, message, fields }) => [level, message, fields]),
      [
        ["debug", "New tainted JWT authorities found", { jwt_authority_key_ids: "test-jwt-key" }],
        [
          "debug",
          "New tainted X.509 authorities found",
          { subject_key_ids: ca.root.subjectKeyId?.toString("hex") },
        ],
        ["info", "Tainted X.509 SVIDs", { tainted_x509_svids: 100 }],
        ["info", "Tainted X.509 SVIDs", { tainted_x509_svids: 30 }],
        ["info", "Tainted X.509 SVIDs", { tainted_x509_svids: 1 }],
        ["info", "Finished processing all tainted entries", {}],
      ],
    );
  });

  it("leaves alone what another authority has signed", async () => {
    const { api, authority, logger, sync } = open();
    authority.ca = next;
    api.entries = [fakeEntry("a")];
    await sync();
    api.bundles = [taintedBundle];
    await sync();
    await until(() =>
      logger.lines.some(({ message }) => message === "Finished processing all tainted entries"),
    );
    await sync();
    assert.equal(api.batches.length, 1);
  });

  it("forgets JWT-SVIDs that a tainted key has signed", async () => {
    const { api, jwtSvids, sync } = open();
    const { spiffeId } = fakeEntry("a");
    const svid = { token: "t", spiffeId, issuedAt: new Date(0), expiresAt: new Date(1) };
    jwtSvids.set(spiffeId, ["bad"], { ...svid, keyId: "test-jwt-key" });
    jwtSvids.set(spiffeId, ["good"], { ...svid, keyId: "other" });
    api.bundles = [taintedBundle];
    await sync();
    assert.deepEqual(
      ["bad", "good"].filter((audience) => jwtSvids.find(spiffeId, [audience])),
      ["good"],
    );
  });

  it("stops in the middle of it without a word", async () => {
    const { api, clock, errors, stop, sync, run } = open();
    api.entries = Array.from({ length: 101 }, (_, index) => fakeEntry(`e${index}`));
    await sync();
    api.bundles = [taintedBundle];
    await sync();
    await until(() => clock.sleeping === 1);
    const running = run();
    stop.abort();
    await running;
    assert.deepEqual(errors(), []);
  });
});
