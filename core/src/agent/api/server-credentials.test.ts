import assert from "node:assert/strict";
import { type AddressInfo, createServer } from "node:net";
import { describe, it } from "node:test";
import { HealthDefinition } from "@finial/proto/grpc/health/v1/health";
import { Code, StatusError } from "@finial/sdk";
import { basicConstraintsExtension, PublicKey, subjectAltNameExtension } from "@finial/sdk/crypto";
import { captureLog, FakeClock, type TestCa, type TestX509Svid, testCa } from "@finial/sdk/testing";
import { isUnknownAuthority } from "../sync/denial.ts";
import { signDigest } from "../tls/fake-digest-signer.ts";
import { FakeServer } from "./fake-server.ts";
import { type ServerAddress, ServerConnection } from "./server-connection.ts";
import type { AgentTlsIdentity } from "./server-credentials.ts";
import { verifyServer } from "./verify-server.ts";

const clock = new FakeClock();
const ca = await testCa({ clock });
const impostor = await testCa({ clock });
const foreign = await testCa({ clock, trustDomain: "b.example.org" });
const genuine = await ca.x509Svid("/spire/server");
const agent = await ca.x509Svid("/spire/agent/a");

async function start(identity: TestX509Svid = genuine) {
  const server = new FakeServer(captureLog()).serve(HealthDefinition, { check: () => ({ status: 1 }) });
  return await server.show(identity);
}

function connect(
  server: ServerAddress,
  options: { readonly identity?: () => AgentTlsIdentity; readonly bundleOf?: () => TestCa } = {},
) {
  const { identity = () => undefined, bundleOf = () => ca } = options;
  const connection = new ServerConnection(server, {
    identity,
    verify: (chainDer) => verifyServer(chainDer, { bundle: bundleOf().bundle, clock }),
  });
  const call = () => connection.client(HealthDefinition).check({}, { deadlineMs: 5000 });
  return { connection, call };
}

const failure = async (calling: Promise<unknown>): Promise<StatusError> => {
  try {
    await calling;
  } catch (error) {
    return StatusError.from(error);
  }
  throw new assert.AssertionError({ message: "the call should have failed" });
};

describe("ServerConnection", () => {
  it("calls a server that proves to be the trust domain's, by addresses and by name, below intermediates too", async () => {
    const below = await (await ca.intermediate("one")).intermediate("two");
    for (const identity of [genuine, await below.x509Svid("/spire/server")])
      for (const serverAddress of ["127.0.0.1", "localhost"]) {
        await using server = await start(identity);
        const { connection, call } = connect({ serverAddress, serverPort: server.serverPort });
        using _ = connection;
        assert.equal((await call()).status, 1);
        assert.deepEqual(server.clients[0]?.chainDer, [], "it is nobody yet");
      }
  });

  const refused: readonly {
    readonly title: string;
    readonly make: () => Promise<TestX509Svid>;
    readonly message: string;
  }[] = [
    {
      title: "is signed by another authority of the same name",
      make: () => impostor.x509Svid("/spire/server"),
      message:
        'x509: certificate signed by unknown authority (possibly because of "x509: invalid signature" while trying to verify candidate authority certificate "test CA")',
    },
    {
      title: "is another's of the trust domain",
      make: async () => agent,
      message: 'unexpected ID "spiffe://example.org/spire/agent/a"',
    },
    {
      title: "is below the server's ID",
      make: () => ca.x509Svid("/spire/server/x"),
      message: 'unexpected ID "spiffe://example.org/spire/server/x"',
    },
    {
      title: "is another trust domain's server's",
      make: () => foreign.x509Svid("/spire/server"),
      message: 'no X.509 bundle for trust domain "b.example.org"',
    },
    {
      title: "has expired",
      make: () => ca.x509Svid("/spire/server", { ttlSeconds: -60 }),
      message:
        "x509: certificate has expired or is not yet valid: current time 2026-01-01T00:00:00Z is after 2025-12-31T23:59:00Z",
    },
    {
      title: "is for the web",
      make: () =>
        ca.x509Svid("/x", {
          extensions: [subjectAltNameExtension({ uris: [], dnsNames: ["localhost"] }, false)],
        }),
      message: "certificate contains no URI SAN",
    },
    {
      title: "is an authority's",
      make: () => ca.x509Svid("/spire/server", { extensions: [basicConstraintsExtension(true)] }),
      message: "leaf certificate with CA flag set to true",
    },
  ];
  for (const { title, make, message } of refused)
    it(`refuses a server whose certificate ${title}, says why, and leaves`, async () => {
      await using server = await start(await make());
      const { connection, call } = connect(server);
      using _ = connection;
      const error = await failure(call());
      assert.equal(error.code, Code.Unavailable);
      assert.ok(error.message.endsWith(`authentication handshake failed: ${message}`), error.message);
      assert.equal(isUnknownAuthority(error), message.includes("unknown authority"));
      await server.drained();
    });

  const strangers = [
    {
      title: "closes",
      answer: "",
      message: "Client network socket disconnected before secure TLS connection",
    },
    {
      title: "does not speak TLS",
      answer: "HTTP/1.1 400 Bad Request\r\n\r\n",
      message: "tls: wrong version number",
    },
  ];
  for (const { title, answer, message } of strangers)
    it(`refuses what ${title}, and leaves the connection`, async () => {
      const left = Promise.withResolvers<void>();
      await using server = createServer((socket) => {
        socket.once("close", () => left.resolve());
        socket.resume();
        socket.end(answer);
      });
      await new Promise<void>((resolve) => {
        server.listen(0, "127.0.0.1", resolve);
      });
      const { port: serverPort } = server.address() as AddressInfo;
      const { connection, call } = connect({ serverAddress: "127.0.0.1", serverPort });
      using _ = connection;
      const error = await failure(call());
      assert.equal(error.code, Code.Unavailable);
      assert.ok(error.message.includes(`authentication handshake failed: ${message}`), error.message);
      await left.promise;
    });

  it("shows the identity of the moment at each new connection", async () => {
    await using server = await start();
    const renewed = await ca.x509Svid("/spire/agent/a");
    let identity: TestX509Svid = agent;
    const { connection, call } = connect(server, { identity: () => identity });
    using _ = connection;
    await call();
    identity = renewed;
    await call();
    assert.equal(server.clients.length, 1, "a connection keeps what it was made with");
    connection.reset();
    await call();
    assert.deepEqual(
      server.clients.map(({ chainDer }) => chainDer),
      [agent.chainDer, renewed.chainDer],
    );
  });

  describe("with a key that its key manager keeps to itself", () => {
    const identity: AgentTlsIdentity = {
      chainPem: agent.chainPem,
      publicKeyDer: PublicKey.of(agent.privateKey).pkixDer,
      signDigest: async (digest) => signDigest(digest, agent.privateKey),
    };

    it("is who it is, by addresses and by name, for many calls on one connection", async () => {
      for (const serverAddress of ["127.0.0.1", "localhost"]) {
        await using server = await start();
        const { serverPort } = server;
        const { connection, call } = connect({ serverAddress, serverPort }, { identity: () => identity });
        using _ = connection;
        const answers = await Promise.all(Array.from({ length: 50 }, call));
        assert.ok(answers.every(({ status }) => status === 1));
        assert.deepEqual(
          server.clients.map(({ chainDer }) => chainDer),
          [agent.chainDer],
        );
      }
    });

    it("refuses a server that is not the trust domain's, says why, and leaves", async () => {
      await using server = await start(await impostor.x509Svid("/spire/server"));
      const { connection, call } = connect(server, { identity: () => identity });
      using _ = connection;
      const error = await failure(call());
      assert.equal(error.code, Code.Unavailable);
      assert.ok(isUnknownAuthority(error), error.message);
      await server.drained();
    });

    it("says what the key manager says", async () => {
      await using server = await start();
      const away: AgentTlsIdentity = {
        ...identity,
        signDigest: async () => {
          throw new StatusError(Code.Unavailable, "AWAY", "keymanager(hsm): the token is not there");
        },
      };
      const { connection, call } = connect(server, { identity: () => away });
      using _ = connection;
      const { message } = await failure(call());
      assert.ok(
        message.endsWith("authentication handshake failed: keymanager(hsm): the token is not there"),
        message,
      );
    });
  });

  it("asks the bundle of the moment at each new connection", async () => {
    await using server = await start();
    let trusted = ca;
    const { connection, call } = connect(server, { bundleOf: () => trusted });
    using _ = connection;
    await call();
    trusted = impostor;
    await call();
    connection.reset();
    assert.ok(isUnknownAuthority(await failure(call())));
    trusted = ca;
    connection.reset();
    await call();
  });
});
