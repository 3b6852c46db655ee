import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { Code, StatusError } from "@finial/sdk";
import { parseSpiffeId } from "@finial/sdk/spiffe";
import { captureLog, FakeClock } from "@finial/sdk/testing";
import type { AttestedNode } from "../facade/datastore.ts";
import { FakeDataStore } from "../facade/fake-datastore.ts";
import { AttestedNodes, isBanned } from "./attested-nodes.ts";

const id = parseSpiffeId("spiffe://example.org/spire/agent/a");
const other = parseSpiffeId("spiffe://example.org/spire/agent/b");

function node(fields: Partial<AttestedNode> = {}): AttestedNode {
  return {
    spiffeId: id,
    attestationType: "x509pop",
    serialNumber: "1",
    expiresAt: new Date("2026-01-01T01:00:00Z"),
    newSerialNumber: "",
    newExpiresAt: undefined,
    canReattest: false,
    agentVersion: "",
    selectors: [],
    ...fields,
  };
}

/** Nodes that follow a store of one, and are at rest. */
async function following() {
  const clock = new FakeClock();
  const store = new FakeDataStore();
  const logger = captureLog();
  const nodes = new AttestedNodes(store, { clock, logger });
  await store.createNode(node());
  const stop = new AbortController();
  const run = nodes.run(stop.signal);
  await clock.advance(0);
  return {
    clock,
    store,
    logger,
    nodes,
    reads: () => store.calls.filter((call) => call === "findNode").length,
    [Symbol.asyncDispose]: async () => {
      stop.abort();
      await run.catch((error: unknown) => assert.equal(StatusError.from(error).code, Code.Cancelled));
    },
  };
}

describe("AttestedNodes", () => {
  it("reads a node once, and again when it is asked to", async () => {
    await using at = await following();
    for (let times = 0; times < 3; times++) assert.deepEqual(await at.nodes.find(id), node());
    assert.equal(at.reads(), 1);
    await at.nodes.findAnew(id);
    assert.equal(at.reads(), 2);
  });

  it("does not remember that there is none", async () => {
    await using at = await following();
    assert.equal(await at.nodes.find(other), undefined);
    await at.store.createNode(node({ spiffeId: other }));
    assert.deepEqual(await at.nodes.find(other), node({ spiffeId: other }));
  });

  const writes: readonly [
    title: string,
    write: (nodes: AttestedNodes) => Promise<void>,
    after: AttestedNode | undefined,
  ][] = [
    ["an update", (nodes) => nodes.update(id, { serialNumber: "2" }), node({ serialNumber: "2" })],
    ["a deletion", (nodes) => nodes.delete(id), undefined],
  ];
  for (const [title, write, after] of writes) {
    it(`knows of ${title} of its own before it is answered`, async () => {
      await using at = await following();
      await at.nodes.find(id);
      await write(at.nodes);
      assert.deepEqual(await at.nodes.find(id), after);
    });
  }

  it("forgets what another server changes, and nothing else", async () => {
    await using at = await following();
    await at.store.createNode(node({ spiffeId: other }));
    await at.clock.advance(0);
    await at.nodes.find(id);
    await at.nodes.find(other);
    await at.store.updateNode(id, { serialNumber: "" });
    await at.clock.advance(0);
    assert.deepEqual(await at.nodes.find(id), node({ serialNumber: "" }));
    await at.nodes.find(other);
    assert.equal(at.reads(), 3);
  });

  it("does not remember what was read before a change and answered after it", async () => {
    await using at = await following();
    const { reached, release } = at.store.hold("findNode");
    const slow = at.nodes.find(id);
    await reached;
    await at.nodes.update(id, { agentVersion: "2" });
    release();
    await slow;
    at.store.nodes.set(id.toString(), node({ agentVersion: "3" }));
    assert.deepEqual(await at.nodes.find(id), node({ agentVersion: "3" }));
  });

  it("remembers nothing while the store cannot be heard, and follows it again when it can", async () => {
    await using at = await following();
    await at.nodes.find(id);
    at.store.fail("watchChanges");
    at.store.breakStreams();
    await at.clock.advance(0);
    at.store.nodes.set(id.toString(), node({ serialNumber: "" }));
    assert.deepEqual(await at.nodes.find(id), node({ serialNumber: "" }));
    at.store.nodes.set(id.toString(), node());
    assert.deepEqual(await at.nodes.find(id), node());
    // 100 ms, then twice as long each time, up to 5 s.
    await at.clock.advance(100 + 200 + 400);
    assert.equal(at.store.calls.filter((call) => call === "watchChanges").length, 4);
    at.store.work();
    await at.clock.advance(5000);
    assert.equal(at.store.watchers, 1);
    const before = at.reads();
    await at.nodes.find(id);
    await at.nodes.find(id);
    assert.equal(at.reads(), before + 1);
    assert.deepEqual(at.logger.lines[0], {
      level: "warn",
      message: "Attested nodes are read anew, as the data store cannot be followed",
      fields: { error: "datastore-fake: away" },
    });
  });

  it("does work on one node in turn, on others at once, and goes on after a failure", async () => {
    await using at = await following();
    const done: string[] = [];
    const gate = Promise.withResolvers<void>();
    const first = at.nodes.inTurn(id, async () => {
      await gate.promise;
      done.push("first");
      throw new Error("failed");
    });
    const second = at.nodes.inTurn(id, async () => done.push("second"));
    await at.nodes.inTurn(other, async () => done.push("other"));
    gate.resolve();
    await assert.rejects(first, /failed/);
    assert.equal(await second, 3);
    assert.deepEqual(done, ["other", "first", "second"]);
  });

  it("passes on what the store says of a write", async () => {
    await using at = await following();
    await assert.rejects(at.nodes.update(other, { serialNumber: "" }), { code: Code.NotFound });
    await assert.rejects(at.nodes.delete(other), { code: Code.NotFound });
    await assert.rejects(at.nodes.create(node()), { code: Code.AlreadyExists });
  });
});

describe("isBanned()", () => {
  const cases: readonly [serialNumber: string, newSerialNumber: string, banned: boolean][] = [
    ["1", "", false],
    ["1", "2", false],
    ["", "", true],
    ["", "2", true],
  ];
  for (const [serialNumber, newSerialNumber, banned] of cases) {
    it(`is ${banned} for serial number "${serialNumber}", new "${newSerialNumber}"`, () => {
      assert.equal(isBanned(node({ serialNumber, newSerialNumber })), banned);
    });
  }
});
