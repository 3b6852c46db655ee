import assert from "node:assert/strict";
import { once } from "node:events";
import { connect as connectTcp, createServer, type Socket } from "node:net";
import { before, describe, it } from "node:test";
import { type ConnectionOptions, connect, type TLSSocket } from "node:tls";
import { HealthDefinition } from "@finial/proto/grpc/health/v1/health";
import { addService, type Channel, createClient, openChannel } from "@finial/sdk/internal";
import { captureLog, type TestCa, type TestX509Svid, testCa } from "@finial/sdk/testing";
import { credentials, Server } from "@grpc/grpc-js";
import { Peers } from "./peers.ts";
import { TlsListener, type TlsListenerOptions, type TlsPeer } from "./tls-listener.ts";

let ca: TestCa;
let serverSvid: TestX509Svid;
let otherSvid: TestX509Svid;

before(async () => {
  ca = await testCa();
  serverSvid = await ca.x509Svid("/spire/server");
  otherSvid = await ca.x509Svid("/spire/server");
});

/** A listener whose handlers note who called. */
async function listen(options: Partial<TlsListenerOptions<TlsPeer>> = {}) {
  const server = new Server();
  const peers = new Peers<TlsPeer>();
  const logger = captureLog();
  const callers: TlsPeer[] = [];
  addService(server, HealthDefinition, {
    check: (_, context) => {
      callers.push(peers.of(context));
      return { status: 1 };
    },
  });
  const listener = await TlsListener.start<TlsPeer>({
    host: "127.0.0.1",
    port: 0,
    identity: serverSvid,
    server,
    peers,
    admit: (peer) => Promise.resolve(peer),
    logger,
    ...options,
  });
  return {
    listener,
    callers,
    logger,
    [Symbol.asyncDispose]: async () => {
      server.forceShutdown();
      await listener[Symbol.asyncDispose]();
    },
  };
}

/** A gRPC client that takes the server for what its SVID says, with an SVID of its own or none. */
function openClient({ port }: TlsListener, svid?: TestX509Svid): Channel {
  const tls = credentials.createSsl(
    Buffer.from(ca.rootPem),
    svid && Buffer.from(svid.keyPem),
    svid && Buffer.from(svid.chainPem),
    { checkServerIdentity: () => undefined },
  );
  // Node refuses an IP address for a server's name.
  return openChannel(`127.0.0.1:${port}`, tls, { "grpc.ssl_target_name_override": "localhost" });
}

async function check(channel: Channel): Promise<number> {
  return (await createClient(HealthDefinition, channel).check({}, { deadlineMs: 5000 })).status;
}

/** A client that goes no further than the handshake. */
async function handshake({ port }: TlsListener, options: ConnectionOptions = {}): Promise<TLSSocket> {
  const socket = connect({
    host: "127.0.0.1",
    port,
    ALPNProtocols: ["h2"],
    ca: ca.rootPem,
    checkServerIdentity: () => undefined,
    ...options,
  });
  await once(socket, "secureConnect");
  return socket;
}

/** When it is closed, however it came to that. */
function closeOf(socket: Socket): Promise<void> {
  return new Promise((resolve) => {
    socket.on("error", () => {});
    socket.resume().once("close", () => resolve());
  });
}

function shownBy(socket: TLSSocket): Buffer | undefined {
  return socket.getPeerX509Certificate()?.raw;
}

describe("TlsListener", () => {
  it("serves gRPC to a client without a certificate, and says that it showed none", async () => {
    await using served = await listen();
    using channel = openClient(served.listener);
    assert.equal(await check(channel), 1);
    const [{ address, chainDer, port } = { port: 0 }] = served.callers;
    assert.deepEqual({ address, chainDer }, { address: "127.0.0.1", chainDer: [] });
    assert.ok(port > 0 && port !== served.listener.port);
  });

  it("hands over a client's chain, leaf first, whoever issued it", async () => {
    await using served = await listen();
    const stranger = await testCa({ trustDomain: "other.org" });
    const intermediate = await (await ca.intermediate("upper")).intermediate("lower");
    for (const issuer of [intermediate, stranger]) {
      const svid = await issuer.x509Svid("/agent");
      using channel = openClient(served.listener, svid);
      assert.equal(await check(channel), 1);
      assert.deepEqual(served.callers.at(-1)?.chainDer, svid.chainDer);
    }
  });

  it("ends the chain where a root comes back to itself", async () => {
    await using served = await listen();
    const svid = await ca.x509Svid("/agent");
    using channel = openClient(served.listener, { ...svid, chainPem: svid.chainPem + ca.rootPem });
    assert.equal(await check(channel), 1);
    assert.deepEqual(served.callers[0]?.chainDer, [...svid.chainDer, ca.rootDer]);
  });

  it("closes a connection that is not admitted, and logs why", async () => {
    await using served = await listen({
      admit: () => Promise.reject(new Error("unexpected trust domain")),
    });
    const socket = await handshake(served.listener);
    await closeOf(socket);
    assert.deepEqual(served.logger.lines, [
      {
        level: "warn",
        message: "Connection refused",
        fields: { address: "127.0.0.1", error: "unexpected trust domain" },
      },
    ]);
  });

  it("loses nothing of what a client says while it is looked at", async () => {
    const asked = Promise.withResolvers<void>();
    const decided = Promise.withResolvers<void>();
    const admit = async (peer: TlsPeer): Promise<TlsPeer> => {
      asked.resolve();
      await decided.promise;
      return peer;
    };
    await using served = await listen({ admit });
    using channel = openClient(served.listener);
    const answer = check(channel);
    await asked.promise;
    // The client's preface and call arrive in the meantime.
    await new Promise((resolve) => setTimeout(resolve, 20));
    assert.deepEqual(served.callers, []);
    decided.resolve();
    assert.equal(await answer, 1);
  });

  it("shows a new identity to new connections, and goes on with the old ones", async () => {
    await using served = await listen();
    using channel = openClient(served.listener);
    assert.equal(await check(channel), 1);
    const first = await handshake(served.listener);
    served.listener.setIdentity(otherSvid);
    const second = await handshake(served.listener);
    assert.deepEqual(
      [shownBy(first), shownBy(second)].map((der) => der?.toString("hex")),
      [serverSvid, otherSvid].map(({ chainDer }) => chainDer[0]?.toString("hex")),
    );
    assert.equal(await check(channel), 1);
    // The same connection, not one made anew.
    assert.equal(served.callers[0]?.port, served.callers[1]?.port);
    first.destroy();
    second.destroy();
  });

  for (const maxVersion of ["TLSv1.3", "TLSv1.2"] as const)
    it(`resumes no session in ${maxVersion}, before and after a new identity`, async () => {
      await using served = await listen();
      for (const identity of [serverSvid, otherSvid]) {
        served.listener.setIdentity(identity);
        const socket = await handshake(served.listener, { maxVersion });
        const sessions: Buffer[] = [];
        socket.on("session", (session: Buffer) => sessions.push(session));
        // Tickets travel before the server's first HTTP/2 frame.
        await once(socket, "data");
        const session = sessions.at(-1) ?? socket.getSession();
        socket.destroy();
        if (session === undefined) continue;
        const again = await handshake(served.listener, { maxVersion, session });
        assert.equal(again.isSessionReused(), false);
        again.destroy();
      }
    });

  it("refuses TLS 1.1 and clients of other protocols, before and after a new identity", async () => {
    await using served = await listen();
    for (const identity of [serverSvid, otherSvid]) {
      served.listener.setIdentity(identity);
      const old = { minVersion: "TLSv1.1", maxVersion: "TLSv1.1", ciphers: "DEFAULT@SECLEVEL=0" } as const;
      await assert.rejects(handshake(served.listener, old), { code: "ERR_SSL_TLSV1_ALERT_PROTOCOL_VERSION" });
      await assert.rejects(handshake(served.listener, { ALPNProtocols: ["http/1.1"] }), {
        code: "ERR_SSL_TLSV1_ALERT_NO_APPLICATION_PROTOCOL",
      });
    }
  });

  it("closes connections that stop before or after the handshake, and no others", async () => {
    await using served = await listen({ limits: { handshakeMs: 60, prefaceMs: 60 } });
    using channel = openClient(served.listener);
    assert.equal(await check(channel), 1);
    const mute = connectTcp(served.listener.port, "127.0.0.1");
    const silent = await handshake(served.listener);
    await Promise.all([closeOf(mute), closeOf(silent)]);
    assert.deepEqual(
      served.logger.lines.map(({ message, fields }) => [message, fields.error]),
      [["TLS handshake failed", "TLS handshake timeout"]],
    );
    assert.equal(await check(channel), 1);
    assert.equal(served.callers[0]?.port, served.callers[1]?.port);
  });

  it("outlives whatever strangers send", async () => {
    await using served = await listen();
    for (const bytes of ["GET / HTTP/1.1\r\n\r\n", "\x16\x03\x01\xff\xff", "\0".repeat(70_000)]) {
      const socket = connectTcp(served.listener.port, "127.0.0.1");
      socket.end(bytes);
      await closeOf(socket);
    }
    const socket = await handshake(served.listener);
    socket.write("no HTTP/2 preface at all\r\n");
    await closeOf(socket);
    using channel = openClient(served.listener);
    assert.equal(await check(channel), 1);
  });

  it("takes no more connections once told so, and keeps the open ones until disposed of", async () => {
    await using served = await listen();
    using channel = openClient(served.listener);
    assert.equal(await check(channel), 1);
    const { port } = served.listener;
    const socket = await handshake(served.listener);
    served.listener.stopAccepting();
    await assert.rejects(once(connectTcp(port, "127.0.0.1"), "connect"), { code: "ECONNREFUSED" });
    assert.equal(await check(channel), 1);
    const closed = closeOf(socket);
    await served[Symbol.asyncDispose]();
    await closed;
  });

  it("says which address cannot be had", async () => {
    await using taken = createServer().listen(0, "127.0.0.1");
    await once(taken, "listening");
    const { port } = taken.address() as { port: number };
    await assert.rejects(listen({ port }), {
      code: 9,
      reason: "ADDRESS_UNUSABLE",
      message: `cannot listen on 127.0.0.1:${port}: listen EADDRINUSE: address already in use 127.0.0.1:${port}`,
    });
  });
});
