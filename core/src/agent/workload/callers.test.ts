import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { Code, StatusError } from "@finial/sdk";
import type { CallContext } from "@finial/sdk/internal";
import { parseSelector, type Selector } from "@finial/sdk/spiffe";
import { FakeClock } from "@finial/sdk/testing";
import type { PeerProcess } from "../../kernel/rpc/peer-credentials.ts";
import type { Peers } from "../../kernel/rpc/peers.ts";
import { Callers } from "./callers.ts";
import { SelectorLimit } from "./selector-limit.ts";

const workload = ["unix:uid:1", "k8s:ns:default", "k8s:ns", "k8s:nsx:secret"].map(parseSelector);

function peer(pid: number): PeerProcess {
  return { pid, uid: 1, gid: 1, isAlive: () => true, [Symbol.dispose]: () => {} };
}

function open(
  options: { readonly selectors?: readonly Selector[]; readonly logSelectors?: readonly string[] } = {},
) {
  const { selectors = workload, logSelectors = [] } = options;
  const processes = new Map([
    ["self", peer(1)],
    ["other", peer(2)],
  ]);
  const peers: Pick<Peers<PeerProcess>, "of"> = {
    of: ({ peer: id }) => {
      const found = processes.get(id);
      if (found === undefined)
        throw new StatusError(Code.Unavailable, "PEER_GONE", "the connection is closed");
      return found;
    },
  };
  const attested: number[] = [];
  return {
    attested,
    callers: new Callers({
      peers: peers as Peers<PeerProcess>,
      attestation: {
        attest: async ({ pid }) => {
          attested.push(pid);
          return selectors;
        },
      },
      limits: { Fetch: new SelectorLimit(1, new FakeClock()) },
      prefix: "/Api/",
      ownPid: 1,
      logSelectors,
    }),
  };
}

function callOf(id: string): CallContext {
  return {
    signal: new AbortController().signal,
    metadata: { get: () => [] },
    peer: id,
    method: "/Api/Fetch",
    values: new Map(),
  };
}

describe("Callers.attest()", () => {
  it("attests the process of the connection anew at each call, and limits it", async () => {
    const { attested, callers } = open();
    assert.equal(await callers.attest(callOf("other"), "Fetch"), workload);
    await assert.rejects(callers.attest(callOf("other"), "Fetch"), {
      reason: "RATE_LIMIT",
      message: "rate limit exceeded for /Api/Fetch",
    });
    assert.equal(await callers.attest(callOf("other")), workload);
    assert.deepEqual(attested, [2, 2, 2]);
  });

  it("does not limit the agent itself, nor counts its calls", async () => {
    const { callers } = open();
    for (let call = 0; call < 3; call++) await callers.attest(callOf("self"), "Fetch");
    assert.equal(await callers.attest(callOf("other"), "Fetch"), workload);
    assert.deepEqual([callers.isSelf(callOf("self")), callers.isSelf(callOf("other"))], [true, false]);
  });

  it("refuses a caller whose connection is gone", async () => {
    const { attested, callers } = open();
    await assert.rejects(callers.attest(callOf("gone"), "Fetch"), { reason: "PEER_GONE" });
    assert.deepEqual(attested, []);
  });
});

describe("Callers.fieldsOf()", () => {
  const cases = [
    { logSelectors: [], expected: undefined },
    { logSelectors: ["k8s:ns"], expected: "k8s:ns,k8s:ns:default" },
    { logSelectors: ["unix"], expected: "unix:uid:1" },
    { logSelectors: ["unix:uid:1", "k8s:ns:default"], expected: "k8s:ns:default,unix:uid:1" },
    { logSelectors: ["unix:uid:"], expected: undefined },
    { logSelectors: ["uni"], expected: undefined },
  ];
  for (const { logSelectors, expected } of cases)
    it(`tells ${expected ?? "no selectors"} of those that begin with ${logSelectors.join() || "nothing"}`, async () => {
      const { callers } = open({ logSelectors });
      const call = callOf("other");
      assert.deepEqual(callers.fieldsOf(call), { pid: 2 }, "nothing is known before");
      await callers.attest(call);
      assert.deepEqual(callers.fieldsOf(call), {
        pid: 2,
        ...(expected !== undefined && { selectors: expected }),
      });
    });
});
