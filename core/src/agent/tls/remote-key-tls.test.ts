import assert from "node:assert/strict";
import { once } from "node:events";
import { type AddressInfo, connect, type Socket } from "node:net";
import { buffer } from "node:stream/consumers";
import { describe, it } from "node:test";
import { createServer, type Server, type TLSSocket } from "node:tls";
import { Worker } from "node:worker_threads";
import { Code, StatusError } from "@finial/sdk";
import { PublicKey } from "@finial/sdk/crypto";
import { type TestX509Svid, testCa } from "@finial/sdk/testing";
import { chainOf } from "../../kernel/rpc/peer-chain.ts";
import { signDigest } from "./fake-digest-signer.ts";
import { connectWithRemoteKey, type RemoteKeyIdentity } from "./remote-key-tls.ts";

const ca = await testCa();
const server = await ca.x509Svid("/spire/server");
const agent = await ca.x509Svid("/spire/agent/a");
const limitMs = 5000;

function identityOf(svid: TestX509Svid, sign: RemoteKeyIdentity["signDigest"]): RemoteKeyIdentity {
  const publicKeyDer = PublicKey.of(svid.privateKey).pkixDer;
  return { chainPem: svid.chainPem, publicKeyDer, signDigest: sign };
}

const signing = async (digest: Buffer): Promise<Buffer> => signDigest(digest, agent.privateKey);

/** A server that does this with each connection. */
async function listen(serve: (socket: TLSSocket) => void) {
  const tls: Server = createServer(
    {
      key: server.keyPem,
      cert: server.chainPem,
      requestCert: true,
      rejectUnauthorized: false,
      ALPNProtocols: ["h2"],
    },
    serve,
  );
  // What clients refuse or break off is the tests' own.
  tls.on("tlsClientError", (_, socket) => socket.destroy());
  await once(tls.listen(0, "127.0.0.1"), "listening");
  const { port } = tls.address() as AddressInfo;
  return {
    connect: async (): Promise<Socket> => {
      const socket = connect(port, "127.0.0.1");
      await once(socket, "connect");
      return socket;
    },
    [Symbol.asyncDispose]: async () => {
      tls.close();
    },
  };
}

describe("connectWithRemoteKey()", () => {
  it("proves a key that it does not have, and shows what the server has shown", async () => {
    const seen = Promise.withResolvers<readonly Buffer[]>();
    await using listener = await listen((socket) => {
      seen.resolve(chainOf(socket));
      assert.equal(socket.getProtocol(), "TLSv1.3");
      assert.equal(socket.alpnProtocol, "h2");
      socket.end();
    });
    const digests: Buffer[] = [];
    const identity = identityOf(agent, async (digest) => {
      digests.push(digest);
      return await signing(digest);
    });
    const socket = await listener.connect();
    const { stream, chainDer } = await connectWithRemoteKey({
      socket,
      identity,
      servername: undefined,
      limitMs,
    });
    stream.resume();
    assert.deepEqual(chainDer, server.chainDer);
    assert.deepEqual(await seen.promise, agent.chainDer);
    assert.deepEqual(
      digests.map(({ length }) => length),
      [32],
    );
    stream.end();
    await once(socket, "close");
  });

  it("carries what is sent, whole and in order, however much of it, in both directions at once", async () => {
    await using listener = await listen((socket) => socket.pipe(socket));
    const identity = identityOf(agent, signing);
    const socket = await listener.connect();
    const { stream } = await connectWithRemoteKey({ socket, identity, servername: "localhost", limitMs });
    const sent = Buffer.alloc(4 * 1024 * 1024, "abcdefg");
    stream.end(sent);
    assert.ok((await buffer(stream)).equals(sent));
  });

  it("has connections side by side, each with its own key", async () => {
    const others = await Promise.all([1, 2, 3, 4].map((n) => ca.x509Svid(`/spire/agent/${n}`)));
    await using listener = await listen((socket) =>
      socket.end(socket.getPeerX509Certificate()?.subjectAltName ?? ""),
    );
    const names = await Promise.all(
      others.map(async (svid) => {
        const identity = identityOf(svid, async (digest) => signDigest(digest, svid.privateKey));
        const socket = await listener.connect();
        const { stream } = await connectWithRemoteKey({ socket, identity, servername: undefined, limitMs });
        stream.end();
        return (await buffer(stream)).toString();
      }),
    );
    assert.deepEqual(
      names,
      others.map(({ spiffeId }) => `URI:${spiffeId}`),
    );
  });

  const failing: readonly {
    readonly title: string;
    readonly sign: RemoteKeyIdentity["signDigest"];
    readonly error: object;
  }[] = [
    {
      title: "what the key manager says",
      sign: async () => {
        throw new StatusError(Code.Unavailable, "AWAY", "keymanager(hsm): the token is not there");
      },
      error: { code: Code.Unavailable, message: "keymanager(hsm): the token is not there" },
    },
    {
      title: "that a signature is too long to be one",
      sign: async () => Buffer.alloc(4096),
      error: { message: /^tls: / },
    },
    {
      title: "that a signature is longer than one of its curve can be, for which OpenSSL has no room",
      sign: async () => Buffer.alloc(73),
      error: { message: /^tls: / },
    },
  ];
  for (const { title, sign, error } of failing)
    it(`says ${title}, and leaves the server`, async () => {
      await using listener = await listen((socket) => socket.end());
      const socket = await listener.connect();
      const closed = once(socket, "close");
      const identity = identityOf(agent, sign);
      await assert.rejects(connectWithRemoteKey({ socket, identity, servername: undefined, limitMs }), error);
      await closed;
    });

  it("says that certificates are none, and keeps the other connections", async () => {
    await using listener = await listen((socket) => socket.pipe(socket));
    const identity = identityOf(agent, signing);
    const other = await connectWithRemoteKey({
      socket: await listener.connect(),
      identity,
      servername: undefined,
      limitMs,
    });
    const socket = await listener.connect();
    const broken = { ...identity, chainPem: "no certificate" };
    await assert.rejects(connectWithRemoteKey({ socket, identity: broken, servername: undefined, limitMs }), {
      message: /^tls: /,
    });
    other.stream.end("still here");
    assert.equal((await buffer(other.stream)).toString(), "still here");
  });

  it("does not let a key manager that says nothing keep the others, once nobody waits for it", async () => {
    await using listener = await listen((socket) => socket.pipe(socket));
    const silent = identityOf(agent, () => new Promise(() => {}));
    await assert.rejects(
      connectWithRemoteKey({
        socket: await listener.connect(),
        identity: silent,
        servername: undefined,
        limitMs: 200,
      }),
      { message: "the server does not answer" },
    );
    const socket = await listener.connect();
    const identity = identityOf(agent, signing);
    const { stream } = await connectWithRemoteKey({ socket, identity, servername: undefined, limitMs });
    stream.end("heard");
    assert.equal((await buffer(stream)).toString(), "heard");
  });

  it("ends its connections with its thread, and makes the next in another", async (t) => {
    await using listener = await listen((socket) => {
      socket.on("error", () => undefined);
      socket.pipe(socket);
    });
    const posted = t.mock.method(Worker.prototype, "postMessage");
    const open = async (sign: RemoteKeyIdentity["signDigest"]) =>
      await connectWithRemoteKey({
        socket: await listener.connect(),
        identity: identityOf(agent, sign),
        servername: undefined,
        limitMs,
      });
    const { stream } = await open(signing);
    const closed = once(stream, "close");
    const asked = Promise.withResolvers<void>();
    const waiting = assert.rejects(
      open(() => {
        asked.resolve();
        return new Promise(() => {});
      }),
      { message: "the server closed the connection" },
    );
    await asked.promise;
    const thread = posted.mock.calls.at(-1)?.this;
    assert.ok(thread instanceof Worker);
    await thread.terminate();
    await Promise.all([closed, waiting]);
    const next = await open(signing);
    next.stream.end("still here");
    assert.equal((await buffer(next.stream)).toString(), "still here");
    assert.notEqual(posted.mock.calls.at(-1)?.this, thread);
  });

  it("is refused by a server when another key has signed", async () => {
    await using listener = await listen((socket) => socket.end("come in"));
    const socket = await listener.connect();
    const stranger = await ca.x509Svid("/stranger");
    const identity = identityOf(agent, async (digest) => signDigest(digest, stranger.privateKey));
    // In TLS 1.3 a client is done before the server has looked.
    const answer = connectWithRemoteKey({ socket, identity, servername: undefined, limitMs }).then(
      async ({ stream }) => (await buffer(stream)).toString(),
    );
    assert.notEqual(await answer.catch(() => "refused"), "come in");
  });

  it("waits for a server no longer than it is told to", async () => {
    const { createServer: createPlainServer } = await import("node:net");
    const silent = createPlainServer();
    await once(silent.listen(0, "127.0.0.1"), "listening");
    const socket = connect((silent.address() as AddressInfo).port, "127.0.0.1");
    const identity = identityOf(agent, signing);
    await assert.rejects(connectWithRemoteKey({ socket, identity, servername: undefined, limitMs: 100 }), {
      message: "the server does not answer",
    });
    await once(socket, "close");
    silent.close();
  });
});
