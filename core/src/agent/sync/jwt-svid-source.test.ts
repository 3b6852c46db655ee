import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { Code, StatusError } from "@finial/sdk";
import { captureLog, FakeClock } from "@finial/sdk/testing";
import { fakeEntry } from "../cache/fake-entry.ts";
import { type IssuedJwtSvid, JwtSvidCache } from "../cache/jwt-svid-cache.ts";
import { JwtSvidSource } from "./jwt-svid-source.ts";
import { RotationPolicy } from "./rotation.ts";

const { signal } = new AbortController();
const away = new StatusError(Code.Unavailable, "X", "server is away");
const entry = fakeEntry("a");

/** A server whose tokens are numbers, good for an hour. */
function open() {
  const clock = new FakeClock();
  const logger = captureLog();
  const requests: { readonly entryId: string; readonly timeoutMs: number }[] = [];
  const state: { failure: StatusError | undefined; id: typeof entry.spiffeId } = {
    failure: undefined,
    id: entry.spiffeId,
  };
  const source = new JwtSvidSource({
    api: {
      newJwtSvid: async ({ entryId, timeoutMs }): Promise<IssuedJwtSvid> => {
        requests.push({ entryId, timeoutMs });
        if (state.failure !== undefined) throw state.failure;
        const issuedAt = clock.now();
        const expiresAt = new Date(issuedAt.getTime() + 3_600_000);
        return { token: String(requests.length), spiffeId: state.id, keyId: "k", issuedAt, expiresAt };
      },
    },
    cache: new JwtSvidCache({ maxSize: 10, logger }),
    rotation: new RotationPolicy({ availabilityTargetMs: undefined, random: () => 0.5 }),
    cacheHitTimeoutMs: 250,
    clock,
    logger,
  });
  const fetch = async (asked = entry, ...audience: readonly string[]): Promise<string> =>
    (await source.fetch(asked, audience.length > 0 ? audience : ["x"], { signal })).token;
  return { clock, fetch, logger, requests, state };
}

describe("JwtSvidSource.fetch()", () => {
  it("asks the server once, until half of the token's life is over", async () => {
    const { clock, fetch, requests } = open();
    assert.equal(await fetch(), "1");
    await clock.advance(29 * 60_000);
    assert.equal(await fetch(), "1");
    await clock.advance(60_000);
    assert.equal(await fetch(), "2");
    assert.deepEqual(requests, [
      { entryId: "a", timeoutMs: 30_000 },
      { entryId: "a", timeoutMs: 250 },
    ]);
  });

  it("asks for each audience and ID by itself", async () => {
    const { fetch, state } = open();
    assert.equal(await fetch(entry, "x"), "1");
    assert.equal(await fetch(entry, "x", "y"), "2");
    const other = fakeEntry("b");
    state.id = other.spiffeId;
    assert.equal(await fetch(other, "x"), "3");
    assert.equal(await fetch(entry, "y", "x"), "2");
  });

  it("gives the old token, with a warning, when the server gives no new one, until it expires", async () => {
    const { clock, fetch, logger, state } = open();
    await fetch();
    state.failure = away;
    await clock.advance(59 * 60_000);
    assert.equal(await fetch(), "1");
    assert.deepEqual(logger.lines, [
      {
        level: "warn",
        message: "Unable to renew JWT; returning cached copy",
        fields: { spiffe_id: "spiffe://example.org/a", error: "server is away" },
      },
    ]);
    await clock.advance(60_000);
    await assert.rejects(fetch(), {
      code: Code.Unavailable,
      message: 'unable to renew JWT for "spiffe://example.org/a": server is away',
    });
    state.failure = undefined;
    assert.equal(await fetch(), "4");
  });

  it("waits longer for a token when the one it has has expired", async () => {
    const { clock, fetch, requests } = open();
    await fetch();
    await clock.advance(3_600_000);
    await fetch();
    assert.deepEqual(
      requests.map(({ timeoutMs }) => timeoutMs),
      [30_000, 30_000],
    );
  });

  it("fails with the server's failure when it has nothing", async () => {
    const { fetch, state } = open();
    state.failure = away;
    await assert.rejects(fetch(), away);
  });

  it("gives each caller another token where the entry wants them told apart, none from before or for later", async () => {
    const { fetch, state } = open();
    await fetch();
    const apart = fakeEntry("a", { jwtSvidIncludeJti: true });
    assert.deepEqual([await fetch(apart), await fetch(apart)], ["2", "3"]);
    assert.equal(await fetch(), "1");
    state.failure = away;
    await assert.rejects(fetch(apart), away);
  });

  it("gives nobody a token for another ID: the entry may be another's by now", async () => {
    const { clock, fetch, state } = open();
    state.id = fakeEntry("admin").spiffeId;
    const refusal = {
      code: Code.Unavailable,
      reason: "JWT_SVID_OTHER_ID",
      message:
        'the server issued a JWT-SVID for "spiffe://example.org/admin" instead of "spiffe://example.org/a"',
    };
    await assert.rejects(fetch(), refusal);
    // Nor keeps it for who has that ID, or the one asked for.
    await assert.rejects(fetch(), refusal);
    state.id = entry.spiffeId;
    assert.equal(await fetch(), "3");
    state.id = fakeEntry("admin").spiffeId;
    await clock.advance(31 * 60_000);
    assert.equal(await fetch(), "3", "the old one is still good");
  });
});
