import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { Code, StatusError } from "@finial/sdk";
import { testCa } from "@finial/sdk/testing";
import { fakeEntry } from "../cache/fake-entry.ts";
import { FakeServerApi } from "./fake-server-api.ts";
import { fetchUpdates } from "./fetch-updates.ts";

const ca = await testCa();
const b = (await testCa({ trustDomain: "b.example.org" })).bundle;
const c = (await testCa({ trustDomain: "c.example.org" })).bundle;
const own = ca.bundle;
const { trustDomain } = ca;
const { signal } = new AbortController();

function open() {
  const api = new FakeServerApi(own, async () => undefined);
  api.bundles = [own, b, c];
  api.entries = [
    fakeEntry("a", { federatesWith: ["b.example.org", "example.org"] }),
    fakeEntry("b", { federatesWith: ["b.example.org", "gone.example.org"] }),
  ];
  const fetch = (useSync = true) => fetchUpdates(api, new Map(), { signal, useSync, trustDomain });
  return { api, fetch };
}

const unimplemented = new StatusError(Code.Unimplemented, "X", "unknown method");
const away = new StatusError(Code.Unavailable, "X", "away");

describe("fetchUpdates()", () => {
  it("gives the entries, the own bundle, and each bundle they federate with, asked for once", async () => {
    const { api, fetch } = open();
    const { entries, bundles } = await fetch();
    assert.deepEqual(
      [[...entries.keys()], bundles],
      [
        ["a", "b"],
        [own, b],
      ],
    );
    assert.deepEqual(api.calls, ["syncEntries", "findBundle", "findFederatedBundle", "findFederatedBundle"]);
  });

  it("gets all entries anew when it is to", async () => {
    const { api, fetch } = open();
    await fetch(false);
    assert.equal(api.calls[0], "getEntries");
  });

  it("gets all entries anew from a server that cannot sync, and only from such a one", async () => {
    const { api, fetch } = open();
    api.before = (method) => {
      if (method === "syncEntries") throw unimplemented;
    };
    assert.equal((await fetch()).entries.size, 2);
    assert.deepEqual(api.calls.slice(0, 2), ["syncEntries", "getEntries"]);
    api.before = (method) => {
      if (method === "syncEntries") throw away;
    };
    await assert.rejects(fetch(), away);
  });

  for (const failing of ["getEntries", "findBundle", "findFederatedBundle"] as const)
    it(`fails as a whole when ${failing} does`, async () => {
      const { api, fetch } = open();
      api.before = (method) => {
        if (method === failing) throw away;
      };
      await assert.rejects(fetch(false), away);
    });

  it("goes without a malformed bundle of its own: there is one already", async () => {
    const { api, fetch } = open();
    api.findBundle = async () => undefined;
    assert.deepEqual((await fetch()).bundles, [b]);
  });

  it("does not take one trust domain's bundle for another's", async () => {
    const { api, fetch } = open();
    api.findFederatedBundle = async () => c;
    assert.deepEqual((await fetch()).bundles, [own]);
  });

  it("asks for ten bundles at once, no more", async () => {
    const { api, fetch } = open();
    api.entries = [
      fakeEntry("a", { federatesWith: Array.from({ length: 25 }, (_, index) => `d${index}.example.org`) }),
    ];
    let open_ = 0;
    const most: number[] = [];
    api.before = async (method) => {
      if (method !== "findFederatedBundle") return;
      most.push(++open_);
      await new Promise((resolve) => setImmediate(resolve));
      open_--;
    };
    await fetch();
    assert.deepEqual([Math.max(...most), api.count("findFederatedBundle")], [10, 25]);
  });
});
