import assert from "node:assert/strict";
import { before, describe, it } from "node:test";
import { Code, StatusError } from "@finial/sdk";
import { Certificate } from "@finial/sdk/crypto";
import { parseTrustDomain, type X509Authority } from "@finial/sdk/spiffe";
import { captureLog, FakeClock, testCa } from "@finial/sdk/testing";
import { FakeDataStore } from "../facade/fake-datastore.ts";
import { authorityIdOf } from "./authorities.ts";
import { OwnBundle } from "./own-bundle.ts";
import { UpstreamRoots } from "./upstream-roots.ts";

const trustDomain = parseTrustDomain("example.org");
let first: X509Authority;
let second: X509Authority;
let third: X509Authority;

before(async () => {
  const clock = new FakeClock();
  const make = async (): Promise<X509Authority> => ({
    certificateDer: (await testCa({ clock })).rootDer,
    tainted: false,
  });
  [first, second, third] = [await make(), await make(), await make()];
});

const tainted = (authority: X509Authority): X509Authority => ({ ...authority, tainted: true });
const idOf = ({ certificateDer }: X509Authority): string =>
  authorityIdOf(Certificate.parse(certificateDer).subjectKeyId);

/** A follower at rest, and what it does. */
async function following(stored: readonly X509Authority[] = []) {
  const clock = new FakeClock();
  const store = new FakeDataStore();
  const logger = captureLog();
  if (stored.length > 0)
    await store.setBundle({
      trustDomain,
      x509Authorities: stored,
      jwtAuthorities: [],
      refreshHintSeconds: 0,
      sequenceNumber: 1,
    });
  const left: string[][] = [];
  let failure: StatusError | undefined;
  const roots = new UpstreamRoots({
    store,
    bundle: new OwnBundle(store, trustDomain),
    trustDomain,
    leave: async (certificates) => {
      // At this moment nobody else has been told.
      left.push(
        (store.bundles.get("example.org")?.x509Authorities ?? []).filter((root) => root.tainted).map(idOf),
      );
      left.push(certificates.map(({ subjectKeyId }) => authorityIdOf(subjectKeyId)));
      if (failure !== undefined) throw failure;
    },
    clock,
    logger,
  });
  const stop = new AbortController();
  const run = roots.run(stop.signal);
  return {
    clock,
    store,
    logger,
    left,
    roots,
    tell: async (all: readonly X509Authority[]) => {
      roots.take(all);
      await clock.advance(0);
    },
    failLeaving: (error: StatusError | undefined) => {
      failure = error;
    },
    bundled: () => store.bundles.get("example.org")?.x509Authorities ?? [],
    [Symbol.asyncDispose]: async () => {
      stop.abort();
      await run.catch((error: unknown) => assert.equal(StatusError.from(error).code, Code.Cancelled));
    },
  };
}

describe("UpstreamRoots", () => {
  it("adds roots to the bundle, keeps those that are gone, and leaves nothing", async () => {
    await using at = await following();
    await at.tell([first]);
    await at.tell([second]);
    assert.deepEqual(at.bundled(), [first, second]);
    assert.deepEqual(at.left, []);
  });

  it("has the server leave a root that became tainted, before anybody else is told", async () => {
    await using at = await following([first]);
    await at.tell([tainted(first), second]);
    assert.deepEqual(at.left, [[], [idOf(first)]]);
    assert.deepEqual(at.bundled(), [tainted(first), second]);
    assert.deepEqual(at.logger.lines, [
      { level: "info", message: "X.509 authority tainted", fields: { subject_key_id: idOf(first) } },
    ]);
  });

  it("leaves it once, however often it is told, a restart later, too", async () => {
    await using at = await following([first, second]);
    for (let times = 0; times < 3; times++) await at.tell([tainted(first), second]);
    assert.equal(at.left.length, 2);
    await using again = await following([tainted(first), second]);
    await again.tell([tainted(first), second]);
    assert.deepEqual(again.left, []);
  });

  it("takes a root that comes tainted for what it is", async () => {
    await using at = await following([first]);
    await at.tell([first, tainted(second)]);
    assert.deepEqual([at.left, at.bundled()], [[], [first, tainted(second)]]);
  });

  it("revokes a tainted root that the upstream no longer has, and none that is not tainted", async () => {
    await using at = await following([tainted(first), second, third]);
    await at.tell([third]);
    assert.deepEqual(at.bundled(), [second, third]);
    assert.deepEqual(at.logger.lines, [
      { level: "info", message: "X.509 authority revoked", fields: { subject_key_id: idOf(first) } },
    ]);
  });

  it("does not take a taint back", async () => {
    await using at = await following([tainted(first)]);
    await at.tell([first]);
    assert.deepEqual(at.bundled(), [tainted(first)]);
  });

  it("tells nobody of a taint while the server cannot leave it, and tries again: after 5 s, 10 s, up to a minute", async () => {
    await using at = await following([first]);
    at.failLeaving(new StatusError(Code.Unavailable, "AWAY", "no other CA to be had"));
    await at.tell([tainted(first), second]);
    const attempts = () => at.left.length / 2;
    const seen = [attempts()];
    for (const seconds of [5, 10, 20, 40, 60, 60]) {
      await at.clock.advance(seconds * 1000 - 1);
      seen.push(attempts());
      await at.clock.advance(1);
      seen.push(attempts());
    }
    assert.deepEqual(seen, [1, 1, 2, 2, 3, 3, 4, 4, 5, 5, 6, 6, 7]);
    assert.deepEqual(at.bundled(), [first, second]);
    at.failLeaving(undefined);
    await at.clock.advance(60_000);
    assert.deepEqual(at.bundled(), [tainted(first), second]);
    assert.deepEqual(at.logger.lines[0], {
      level: "error",
      message: "Failed to follow the upstream authority's roots",
      fields: { error: "no other CA to be had" },
    });
  });

  it("goes on from where the store failed, with the newest that was told", async () => {
    await using at = await following([first]);
    at.store.fail("taintX509Authority");
    const { reached, release } = at.store.hold("taintX509Authority");
    await at.tell([tainted(first), second]);
    await reached;
    // Told while the last is worked on.
    await at.tell([tainted(first), third]);
    release();
    await at.clock.advance(0);
    at.store.work();
    at.store.calls.length = 0;
    await at.clock.advance(5000);
    assert.deepEqual(at.bundled(), [tainted(first), second, third]);
    assert.equal(at.store.calls.filter((call) => call === "appendBundle").length, 1);
  });

  it("stops while it waits for something, and while it waits to try again", async () => {
    await using at = await following([first]);
    at.store.away = true;
    await at.tell([second]);
    await using idle = await following();
    assert.equal(idle.clock.sleeping, 0);
  });
});
