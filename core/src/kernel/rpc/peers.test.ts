import assert from "node:assert/strict";
import { once } from "node:events";
import { connect, createServer, type Socket } from "node:net";
import { describe, it } from "node:test";
import { Peers } from "./peers.ts";

/** Both ends of an open connection; disposing of it closes them. */
async function makeConnection(): Promise<AsyncDisposable & { readonly near: Socket; readonly far: Socket }> {
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const far = connect((server.address() as { port: number }).port, "127.0.0.1");
  const [near] = (await once(server, "connection")) as [Socket];
  return {
    near,
    far,
    [Symbol.asyncDispose]: async () => {
      near.destroy();
      far.destroy();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

describe("Peers", () => {
  it("knows each connection's peer by the address that a handler is told", async () => {
    await using first = await makeConnection();
    await using second = await makeConnection();
    const peers = new Peers<{ name: string }>();
    peers.add(first.near, { name: "first" });
    peers.add(second.near, { name: "second" });
    // grpc-js makes of address and port what it tells as the peer; with a port it would be another.
    for (const { near } of [first, second]) assert.equal(near.remotePort, undefined);
    assert.deepEqual(peers.of({ peer: first.near.remoteAddress ?? "" }), { name: "first" });
    assert.deepEqual(peers.of({ peer: second.near.remoteAddress ?? "" }), { name: "second" });
  });

  it("forgets a peer with its connection, lets it go, and never gives its address to another", async () => {
    const peers = new Peers<Disposable>();
    let disposed = 0;
    const peer = { [Symbol.dispose]: () => disposed++ };
    const addresses = new Set<string>();
    for (let count = 1; count <= 3; count++) {
      const { near, ...connection } = await makeConnection();
      peers.add(near, peer);
      const address = near.remoteAddress ?? "";
      addresses.add(address);
      const closed = once(near, "close");
      await connection[Symbol.asyncDispose]();
      await closed;
      assert.equal(disposed, count);
      assert.throws(() => peers.of({ peer: address }), {
        code: 14,
        reason: "PEER_GONE",
        message: "the connection is closed",
      });
    }
    assert.equal(addresses.size, 3);
  });
});
