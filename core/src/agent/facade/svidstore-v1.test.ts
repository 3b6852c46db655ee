import assert from "node:assert/strict";
import { describe, it } from "node:test";
import type {
  DeleteX509SVIDRequest,
  PutX509SVIDRequest,
} from "@finial/proto/plugin/agent/svidstore/v1/svidstore";
import { Code, definePlugin, StatusError } from "@finial/sdk";
import { SvidStore } from "@finial/sdk/agent";
import { loadPlugin } from "@finial/sdk/testing";
import { bindSvidStoreV1 } from "./svidstore-v1.ts";

async function load(answer: (signal: AbortSignal) => Promise<void> | void) {
  const requests: (PutX509SVIDRequest | DeleteX509SVIDRequest)[] = [];
  const take = async (
    request: PutX509SVIDRequest | DeleteX509SVIDRequest,
    { signal }: { readonly signal: AbortSignal },
  ) => {
    requests.push(request);
    await answer(signal);
    return {};
  };
  const plugin = definePlugin({
    type: SvidStore,
    name: "vault",
    open: () => ({ service: { putX509SVID: take, deleteX509SVID: take } }),
  });
  const loaded = await loadPlugin(plugin);
  return { loaded, requests, store: bindSvidStoreV1(loaded) };
}

const request = {
  spiffeId: "spiffe://example.org/a",
  certificateChainDer: [Buffer.from("leaf"), Buffer.from("intermediate")],
  privateKeyPkcs8Der: Buffer.from("key"),
  bundleDer: [Buffer.from("root")],
  expiresAt: new Date("2026-01-01T00:00:00.999Z"),
  metadata: ["name:x", "region:eu"],
  federatedBundlesDer: new Map([["spiffe://b.example.org", Buffer.from("other roots")]]),
};

const { signal } = new AbortController();

describe("bindSvidStoreV1()", () => {
  it("sends all of an SVID", async () => {
    const { loaded, requests, store } = await load(() => {});
    await using _ = loaded;
    await store.putX509Svid(request, { signal });
    assert.deepEqual(requests, [
      {
        svid: {
          spiffeID: "spiffe://example.org/a",
          certChain: request.certificateChainDer,
          privateKey: request.privateKeyPkcs8Der,
          bundle: request.bundleDer,
          expiresAt: 1767225600,
        },
        metadata: ["name:x", "region:eu"],
        federatedBundles: { "spiffe://b.example.org": Buffer.from("other roots") },
      },
    ]);
  });

  it("sends the place of a deletion", async () => {
    const { loaded, requests, store } = await load(() => {});
    await using _ = loaded;
    await store.deleteX509Svid(["name:x"], { signal });
    assert.deepEqual(requests, [{ metadata: ["name:x"] }]);
  });

  it("says whose failure it is, and keeps its code", async () => {
    const { loaded, store } = await load(() => {
      throw new StatusError(Code.InvalidArgument, "X", "secret name is required");
    });
    await using _ = loaded;
    const failure = { code: Code.InvalidArgument, message: "svidstore(vault): secret name is required" };
    await assert.rejects(store.putX509Svid(request, { signal }), failure);
    await assert.rejects(store.deleteX509Svid([], { signal }), failure);
  });

  it("leaves a store that does not answer when it is told to", async () => {
    const asked = Promise.withResolvers<void>();
    const { loaded, store } = await load(async (inner) => {
      asked.resolve();
      await new Promise((resolve) => inner.addEventListener("abort", resolve));
    });
    await using _ = loaded;
    const stop = new AbortController();
    const put = store.putX509Svid(request, { signal: stop.signal });
    await asked.promise;
    stop.abort();
    await assert.rejects(put, { code: Code.Cancelled });
  });
});
