import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { Code } from "@finial/sdk";
import { captureLog, FakeClock, testCa } from "@finial/sdk/testing";
import { fakeEntry, toCachedSvid } from "../../cache/fake-entry.ts";
import { FakeWorkloadApi } from "./fake-workload-api.ts";

const clock = new FakeClock();
const ca = await testCa({ clock });
const foreign = await testCa({ clock, trustDomain: "b.example.org" });
const unrelated = await testCa({ clock, trustDomain: "c.example.org" });
/** Calls itself by the own trust domain's name. */
const impostor = await testCa({ clock });
const entry = fakeEntry("a", { selectors: ["x:w"], federatesWith: ["b.example.org"] });
const svid = toCachedSvid(await ca.x509Svid("/a"));
const exp = Date.UTC(2026, 0, 1, 1) / 1000;
const iat = exp - 3600;

/** @param hasIdentity without one, a caller knows the own bundle alone. */
async function start(hasIdentity = true) {
  const api = await FakeWorkloadApi.start({
    clock,
    logger: captureLog(),
    bundle: ca.bundle,
    allowedForeignJwtClaims: ["department"],
  });
  api.setEntries(hasIdentity ? [entry] : [], [ca.bundle, foreign.bundle, unrelated.bundle]);
  api.issue(entry, svid);
  return api;
}

const extra = {
  department: "x",
  role: "admin",
  nested: { list: [1, "two", null, true, { deep: {} }], none: null },
  ["__proto__"]: { polluted: true },
};

describe("ValidateJWTSVID", () => {
  it("gives the ID and all claims of a token of its own trust domain", async () => {
    await using api = await start();
    const token = ca.jwtSvid("/db", { audience: ["me", "others"], claims: extra });
    const { spiffeId, claims } = await api.client.validateJWTSVID(
      { audience: "me", svid: token },
      api.asWorkload,
    );
    assert.equal(spiffeId, "spiffe://example.org/db");
    const sub = "spiffe://example.org/db";
    const { department, role, nested } = extra;
    assert.deepEqual({ ...claims }, { sub, exp, iat, aud: ["me", "others"], department, role, nested });
    assert.equal(({} as Record<string, unknown>).polluted, undefined);
  });

  it("gives the claims of another trust domain's token that every one has, and those allowed", async () => {
    await using api = await start();
    const token = foreign.jwtSvid("/db", { audience: ["me"], claims: extra });
    const { claims } = await api.client.validateJWTSVID({ audience: "me", svid: token }, api.asWorkload);
    assert.deepEqual(claims, { sub: "spiffe://b.example.org/db", exp, aud: ["me"], department: "x" });
  });

  it("gives a lone audience as a list", async () => {
    await using api = await start();
    const token = ca.jwtSvid("/db", { audience: [], claims: { aud: "me" } });
    const { claims } = await api.client.validateJWTSVID({ audience: "me", svid: token }, api.asWorkload);
    assert.deepEqual(claims?.aud, ["me"]);
  });

  it("serves a caller without an identity, by the own bundle", async () => {
    await using api = await start(false);
    const own = ca.jwtSvid("/db", { audience: ["me"] });
    const { spiffeId } = await api.client.validateJWTSVID({ audience: "me", svid: own }, api.asWorkload);
    assert.equal(spiffeId, "spiffe://example.org/db");
    const other = foreign.jwtSvid("/db", { audience: ["me"] });
    await assert.rejects(api.client.validateJWTSVID({ audience: "me", svid: other }, api.asWorkload), {
      message: 'no JWT authority "test-jwt-key" found for trust domain "b.example.org"',
    });
  });

  const audience = ["me"];
  const refused = [
    { title: "no audience", request: { svid: "x" }, message: "audience must be specified", attestations: 0 },
    { title: "no token", request: { audience: "me" }, message: "svid must be specified", attestations: 0 },
    {
      title: "what is no token",
      request: { audience: "me", svid: "x.y" },
      message: "unable to parse JWT token: not in compact form",
    },
    {
      title: "a token for others",
      request: { audience: "me", svid: ca.jwtSvid("/db", { audience: ["others"] }) },
      message: 'expected audience in ["me"] (audience=["others"])',
    },
    {
      title: "an expired token",
      request: { audience: "me", svid: ca.jwtSvid("/db", { audience, ttlSeconds: -61 }) },
      message: "token has expired",
    },
    {
      title: "a token without an end",
      request: { audience: "me", svid: ca.jwtSvid("/db", { audience, claims: { exp: undefined } }) },
      message: "token missing exp claim",
    },
    {
      title: "a token of an impostor with the same key id",
      request: { audience: "me", svid: impostor.jwtSvid("/db", { audience }) },
      message: "token signature is not valid",
    },
    {
      title: "a federated authority's token about the own trust domain",
      request: {
        audience: "me",
        svid: foreign.jwtSvid("/db", { audience, claims: { sub: "spiffe://example.org/db" } }),
      },
      message: "token signature is not valid",
    },
    {
      title: "a token by another key",
      request: { audience: "me", svid: ca.jwtSvid("/db", { audience, header: { kid: "other" } }) },
      message: 'no JWT authority "other" found for trust domain "example.org"',
    },
    {
      title: "a token of a trust domain that the caller does not federate with",
      request: { audience: "me", svid: unrelated.jwtSvid("/db", { audience }) },
      message: 'no JWT authority "test-jwt-key" found for trust domain "c.example.org"',
    },
    {
      title: "a token without a signature",
      request: { audience: "me", svid: ca.jwtSvid("/db", { audience, header: { alg: "none" } }) },
      message: "token has no algorithm that JWT-SVIDs may use",
    },
  ];
  for (const { title, request, message, attestations = 1 } of refused)
    it(`refuses ${title}`, async () => {
      await using api = await start();
      await assert.rejects(api.client.validateJWTSVID(request, api.asWorkload), {
        code: Code.InvalidArgument,
        message,
      });
      assert.equal(api.attestations, attestations);
    });
});
