import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { parseSpiffeId } from "@finial/sdk/spiffe";
import { captureLog } from "@finial/sdk/testing";
import { type IssuedJwtSvid, JwtSvidCache } from "./jwt-svid-cache.ts";

const id = parseSpiffeId("spiffe://example.org/a");
const other = parseSpiffeId("spiffe://example.org/b");

function svid(token: string, keyId = "k"): IssuedJwtSvid {
  return { token, spiffeId: id, keyId, issuedAt: new Date(0), expiresAt: new Date(1) };
}

function open(maxSize = 100) {
  const logger = captureLog();
  return { cache: new JwtSvidCache({ maxSize, logger }), logger };
}

describe("JwtSvidCache", () => {
  it("finds an SVID by its ID and audiences, in whatever order", () => {
    const { cache } = open();
    const one = svid("one");
    cache.set(id, ["x", "y"], one);
    assert.equal(cache.find(id, ["y", "x"]), one);
    for (const [spiffeId, audience] of [
      [other, ["x", "y"]],
      [id, ["x"]],
      [id, ["x", "y", "z"]],
      [id, ["x", "x", "y"]],
      [id, []],
    ] as const)
      assert.equal(cache.find(spiffeId, audience), undefined, `${spiffeId} ${audience}`);
  });

  it("tells audiences apart whose texts run together", () => {
    const { cache } = open();
    const lists = [["x,y"], ["x", "y"], ['x","y'], ["x", "", "y"], ["xy"], ['"x"', "y"]];
    for (const audience of lists) cache.set(id, audience, svid(audience.join("/")));
    assert.equal(cache.size, lists.length);
    for (const audience of lists) assert.equal(cache.find(id, audience)?.token, audience.join("/"));
  });

  it("does not change the caller's list", () => {
    const { cache } = open();
    const audience = ["y", "x"];
    cache.set(id, audience, svid("one"));
    cache.find(id, audience);
    assert.deepEqual(audience, ["y", "x"]);
  });

  it("puts a new one in the place of the old", () => {
    const { cache } = open();
    cache.set(id, ["x"], svid("old"));
    cache.set(id, ["x"], svid("new"));
    assert.deepEqual([cache.find(id, ["x"])?.token, cache.size], ["new", 1]);
  });

  it("makes room by forgetting the one not asked for the longest", () => {
    const { cache } = open(2);
    cache.set(id, ["1"], svid("1"));
    cache.set(id, ["2"], svid("2"));
    cache.find(id, ["1"]);
    cache.set(id, ["3"], svid("3"));
    const kept = ["1", "2", "3"].filter((audience) => cache.find(id, [audience]) !== undefined);
    assert.deepEqual([kept, cache.size], [["1", "3"], 2]);
  });

  it("keeps nothing when it has no room at all", () => {
    const { cache } = open(0);
    cache.set(id, ["1"], svid("1"));
    assert.deepEqual([cache.find(id, ["1"]), cache.size], [undefined, 0]);
  });

  it("forgets what tainted authorities have signed, and says how many", () => {
    const { cache, logger } = open();
    for (const [audience, keyId] of [
      ["1", "bad"],
      ["2", "good"],
      ["3", "bad"],
      ["4", "worse"],
    ] as const)
      cache.set(id, [audience], svid(audience, keyId));
    cache.removeSignedBy(new Set(["bad", "worse", "unused"]));
    assert.deepEqual([cache.size, cache.find(id, ["2"])?.token], [1, "2"]);
    const message =
      "JWT-SVIDs were removed from the JWT cache because they were issued by a tainted authority";
    assert.deepEqual(logger.lines, [
      { level: "info", message, fields: { jwt_authority_key_ids: "bad", tainted_jwt_svids: 2 } },
      { level: "info", message, fields: { jwt_authority_key_ids: "worse", tainted_jwt_svids: 1 } },
    ]);
  });
});
