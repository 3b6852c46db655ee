import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { Code, StatusError } from "@finial/sdk";
import type { Bundle } from "@finial/sdk/spiffe";
import { captureLog, FakeClock, testCa } from "@finial/sdk/testing";
import { FakeDataStore } from "../facade/fake-datastore.ts";
import { Announcer } from "./announce.ts";

const broken = new StatusError(Code.Unavailable, "AWAY", "it is away");

/** A server's bundle, and what those who listen have been told of it, by sequence number. */
async function site() {
  const clock = new FakeClock();
  const ca = await testCa({ clock });
  const store = new FakeDataStore();
  const logger = captureLog();
  const told: string[] = [];
  await store.setBundle(ca.bundle);
  const listener = (name: string, answer: () => Promise<void> = async () => undefined) => {
    const hear =
      (what: string) =>
      async ({ sequenceNumber }: Bundle): Promise<void> => {
        told.push(`${name} ${what} ${sequenceNumber}`);
        await answer();
      };
    return {
      name,
      bundleLoaded: hear("loaded"),
      bundleUpdated: hear("updated"),
      publishBundle: hear("published"),
    };
  };
  /** Another change of the bundle, by whomever. */
  const change = async (): Promise<void> => {
    const bundle = store.bundles.get("example.org") ?? ca.bundle;
    await store.setBundle({ ...bundle, sequenceNumber: bundle.sequenceNumber + 1 });
    await clock.advance(0);
  };
  return { clock, ca, store, logger, told, listener, change };
}

type Site = Awaited<ReturnType<typeof site>>;

/** Announces, from the start on, until the block ends. */
async function announcing(
  { store, ca, clock, logger }: Site,
  listeners: {
    readonly notifiers?: ReturnType<Site["listener"]>[];
    readonly publishers?: ReturnType<Site["listener"]>[];
  },
): Promise<AsyncDisposable> {
  const { notifiers = [], publishers = [] } = listeners;
  const { trustDomain } = ca;
  const announcer = new Announcer({ store, trustDomain, notifiers, publishers, clock, logger });
  await announcer.announceLoaded();
  const stop = new AbortController();
  const run = announcer.run(stop.signal);
  await clock.advance(0);
  return {
    [Symbol.asyncDispose]: async () => {
      stop.abort();
      await run;
    },
  };
}

describe("Announcer", () => {
  it("tells notifiers once at the start, and of each change; publishers at the start, of each change, and every 30 s", async () => {
    const at = await site();
    await using _ = await announcing(at, { notifiers: [at.listener("n")], publishers: [at.listener("p")] });
    assert.deepEqual(at.told.splice(0), ["n loaded 1", "p published 1"]);
    await at.change();
    assert.deepEqual(at.told.splice(0).sort(), ["n updated 2", "p published 2"]);
    await at.clock.advance(29_999);
    assert.deepEqual(at.told.splice(0), []);
    await at.clock.advance(30_001);
    assert.deepEqual(at.told.splice(0), ["p published 2", "p published 2"]);
  });

  it("says nothing of the bundles of other trust domains", async () => {
    const at = await site();
    await using _ = await announcing(at, { notifiers: [at.listener("n")] });
    await at.store.setBundle((await testCa({ trustDomain: "elsewhere.org", clock: at.clock })).bundle);
    await at.clock.advance(0);
    assert.deepEqual(at.told, ["n loaded 1"]);
  });

  it("tells of a change that came between the start and the first word of the store", async () => {
    const at = await site();
    const { store, ca, clock, logger } = at;
    const announcer = new Announcer({
      store,
      trustDomain: ca.trustDomain,
      notifiers: [at.listener("n")],
      publishers: [],
      clock,
      logger,
    });
    await announcer.announceLoaded();
    await at.change();
    const stop = new AbortController();
    const run = announcer.run(stop.signal);
    await clock.advance(0);
    assert.deepEqual(at.told, ["n loaded 1", "n updated 2"]);
    stop.abort();
    await run;
  });

  it("tells of what changed while the store could not be followed", async () => {
    const at = await site();
    await using _ = await announcing(at, { notifiers: [at.listener("n")] });
    at.store.fail("watchChanges");
    at.store.breakStreams();
    await at.clock.advance(0);
    await at.change();
    await at.clock.advance(1000);
    assert.deepEqual(at.told, ["n loaded 1"]);
    at.store.work();
    await at.clock.advance(1000);
    assert.deepEqual(at.told, ["n loaded 1", "n updated 2"]);
    const warning = {
      level: "warn",
      message: "Bundle changes cannot be followed",
      fields: { error: "datastore-fake: away" },
    };
    assert.deepEqual(at.logger.lines, [warning, warning]);
  });

  it("does not let one that fails keep another from hearing, logs it, and tells it again with the next change", async () => {
    const at = await site();
    const failing = at.listener("bad", async () => Promise.reject(broken));
    const silent = { ...failing, bundleLoaded: async () => undefined };
    await using _ = await announcing(at, {
      notifiers: [silent, at.listener("n")],
      publishers: [failing, at.listener("p")],
    });
    at.told.length = 0;
    await at.change();
    assert.deepEqual(at.told.splice(0).sort(), [
      "bad published 2",
      "bad updated 2",
      "n updated 2",
      "p published 2",
    ]);
    const fields = { plugin_name: "bad", error: "it is away" };
    assert.deepEqual(
      at.logger.lines.slice(-2).sort((a, b) => a.message.localeCompare(b.message)),
      [
        { level: "warn", message: "Failed to notify on bundle update", fields },
        { level: "warn", message: "Failed to publish bundle", fields },
      ],
    );
    await at.change();
    assert.equal(at.told.filter((line) => line.startsWith("bad")).length, 2);
  });

  it("does not let one that never answers keep anybody waiting, not even the server that stops", async () => {
    const at = await site();
    const stuck = at.listener("stuck", () => new Promise<never>(() => undefined));
    {
      await using _ = await announcing(at, {
        notifiers: [{ ...stuck, bundleLoaded: async () => undefined }, at.listener("n")],
        publishers: [stuck, at.listener("p")],
      });
      for (let times = 0; times < 3; times++) await at.change();
      await at.clock.advance(30_000);
    }
    assert.deepEqual(
      at.told.filter((line) => !line.startsWith("stuck")),
      [
        "n loaded 1",
        "p published 1",
        "n updated 2",
        "p published 2",
        "n updated 3",
        "p published 3",
        "n updated 4",
        "p published 4",
        "p published 4",
      ],
    );
    assert.deepEqual(
      at.told.filter((line) => line.startsWith("stuck")),
      ["stuck published 1", "stuck updated 2"],
    );
  });

  it("does not start when a notifier says so", async () => {
    const at = await site();
    const listener = at.listener("bad", async () => Promise.reject(broken));
    await assert.rejects(announcing(at, { notifiers: [listener] }), broken);
  });

  it("says that the bundle cannot be read, and tells of it when it can", async () => {
    const at = await site();
    await using _ = await announcing(at, { publishers: [at.listener("p")] });
    at.told.length = 0;
    at.store.fail("findBundle");
    await at.clock.advance(30_000);
    at.store.work();
    await at.clock.advance(30_000);
    assert.deepEqual(at.told, ["p published 1"]);
    assert.deepEqual(at.logger.lines, [
      {
        level: "warn",
        message: "Failed to publish bundle",
        fields: { plugin_name: "p", error: "datastore-fake: away" },
      },
    ]);
  });

  it("asks the store for nothing when nobody listens", async () => {
    const at = await site();
    at.store.calls.length = 0;
    await using _ = await announcing(at, {});
    assert.deepEqual(at.store.calls, []);
  });
});
