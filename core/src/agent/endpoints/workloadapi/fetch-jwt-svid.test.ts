import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { Code, StatusError } from "@finial/sdk";
import { captureLog, FakeClock, testCa } from "@finial/sdk/testing";
import { fakeEntry } from "../../cache/fake-entry.ts";
import type { JwtSvidSource } from "../../sync/jwt-svid-source.ts";
import { FakeWorkloadApi } from "./fake-workload-api.ts";

const clock = new FakeClock();
const ca = await testCa({ clock });
const mine = { selectors: ["x:w"] };

/** Tokens are the entry's ID and the audience. */
const issuing: Pick<JwtSvidSource, "fetch"> = {
  fetch: async ({ id, spiffeId }, audience) => ({
    token: `${id}/${audience.join("+")}`,
    spiffeId,
    keyId: "k",
    issuedAt: new Date(0),
    expiresAt: new Date(1),
  }),
};

async function start(jwtSvids: Pick<JwtSvidSource, "fetch"> = issuing) {
  const api = await FakeWorkloadApi.start({ clock, logger: captureLog(), bundle: ca.bundle, jwtSvids });
  api.setEntries([
    fakeEntry("a", { ...mine, hint: "x", createdAt: new Date(2000) }),
    fakeEntry("b", { ...mine, hint: "x", createdAt: new Date(1000) }),
    fakeEntry("c", mine),
    fakeEntry("d", { ...mine, path: "/c" }),
    fakeEntry("e", { selectors: ["x:w", "x:more"] }),
  ]);
  return api;
}

const svid = (id: string, token: string, hint = "") => ({
  spiffeId: `spiffe://example.org/${id}`,
  svid: token,
  hint,
});

describe("FetchJWTSVID", () => {
  const given = [
    {
      title: "one for each of the caller's identities, the oldest of a hint",
      request: { audience: ["one", "two"] },
      svids: [svid("b", "b/one+two", "x"), svid("c", "c/one+two"), svid("c", "d/one+two")],
    },
    {
      title: "all of the ID that is asked for",
      request: { audience: ["one"], spiffeId: "spiffe://example.org/c" },
      svids: [svid("c", "c/one"), svid("c", "d/one")],
    },
  ];
  for (const { title, request, svids } of given)
    it(`gives ${title}`, async () => {
      await using api = await start();
      assert.deepEqual(await api.client.fetchJWTSVID(request, api.asWorkload), { svids });
    });

  const noIdentity = { code: Code.PermissionDenied, message: "no identity issued" };
  const refused = [
    {
      title: "a request without an audience, before it asks who calls",
      request: {},
      expected: { code: Code.InvalidArgument, message: "audience must be specified" },
      attestations: 0,
    },
    {
      title: "an ID that is none, before it asks who calls",
      request: { audience: ["one"], spiffeId: "https://example.org/c" },
      expected: {
        code: Code.InvalidArgument,
        message: "invalid requested SPIFFE ID: scheme is missing or invalid",
      },
      attestations: 0,
    },
    {
      title: "an ID of others",
      request: { audience: ["one"], spiffeId: "spiffe://example.org/e" },
      expected: noIdentity,
      attestations: 1,
    },
    {
      title: "an ID that lost its hint to an older one",
      request: { audience: ["one"], spiffeId: "spiffe://example.org/a" },
      expected: noIdentity,
      attestations: 1,
    },
  ];
  for (const { title, request, expected, attestations } of refused)
    it(`refuses ${title}`, async () => {
      await using api = await start();
      await assert.rejects(api.client.fetchJWTSVID(request, api.asWorkload), expected);
      assert.equal(api.attestations, attestations);
    });

  it("refuses a caller without an identity", async () => {
    await using api = await start();
    api.setEntries([]);
    await assert.rejects(api.client.fetchJWTSVID({ audience: ["one"] }, api.asWorkload), noIdentity);
  });

  it("says that the server gave none, whatever its code", async () => {
    await using api = await start({
      fetch: () => Promise.reject(new StatusError(Code.PermissionDenied, "X", "agent is banned")),
    });
    await assert.rejects(api.client.fetchJWTSVID({ audience: ["one"] }, api.asWorkload), {
      code: Code.Unavailable,
      message: "could not fetch JWT-SVID: agent is banned",
    });
  });

  it("tells the source when the caller leaves", async () => {
    const asked = Promise.withResolvers<AbortSignal>();
    await using api = await start({
      fetch: (_, __, { signal }) => {
        asked.resolve(signal);
        return new Promise((_, reject) => signal.addEventListener("abort", () => reject(signal.reason)));
      },
    });
    const leave = new AbortController();
    const call = api.client.fetchJWTSVID({ audience: ["one"] }, { ...api.asWorkload, signal: leave.signal });
    const signal = await asked.promise;
    leave.abort();
    await assert.rejects(call, { code: Code.Cancelled });
    if (!signal.aborted) await new Promise((resolve) => signal.addEventListener("abort", resolve));
  });
});
