import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, it } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { HealthDefinition } from "@finial/proto/grpc/health/v1/health";
import { NodeAttestorDefinition } from "@finial/proto/plugin/server/nodeattestor/v1/nodeattestor";
import { credentials, Server, ServerCredentials } from "@grpc/grpc-js";
import { Code } from "../status/code.ts";
import { StatusError } from "../status/status-error.ts";
import { type Channel, createClient, openChannel } from "./client.ts";
import { addService, type CallContext, type Handlers, type Interceptor } from "./service.ts";

const folder = mkdtempSync(join(tmpdir(), "rpc-"));
after(() => rmSync(folder, { recursive: true }));
let sockets = 0;

/** A server with the health and node attestor services, and a channel to it. */
async function serve(
  health: Partial<Handlers<typeof HealthDefinition>>,
  attestor: Partial<Handlers<typeof NodeAttestorDefinition>> = {},
  interceptors: readonly Interceptor[] = [],
): Promise<Channel> {
  const server = new Server();
  addService(server, HealthDefinition, health, { interceptors });
  addService(server, NodeAttestorDefinition, attestor, { interceptors });
  const path = join(folder, `${sockets++}.sock`);
  await new Promise<void>((resolve, reject) =>
    server.bindAsync(`unix:${path}`, ServerCredentials.createInsecure(), (error) =>
      error ? reject(error) : resolve(),
    ),
  );
  const channel = openChannel(`unix:${path}`, credentials.createInsecure());
  after(() => {
    channel.close();
    server.forceShutdown();
  });
  return channel;
}

function shapeOf(error: unknown): unknown {
  assert.ok(error instanceof StatusError, String(error));
  return { code: error.code, reason: error.reason, message: error.message, details: error.details };
}

async function failureOf(promise: Promise<unknown>): Promise<unknown> {
  return await promise.then(
    () => assert.fail("it succeeded"),
    (error: unknown) => shapeOf(error),
  );
}

describe("unary calls", () => {
  it("carry the request and the response", async () => {
    const channel = await serve({ check: ({ service }) => ({ status: service === "plugin" ? 1 : 2 }) });
    const client = createClient(HealthDefinition, channel);
    assert.deepEqual(await client.check({ service: "plugin" }), { status: 1 });
    assert.deepEqual(await client.check({}), { status: 2 });
  });

  it("say what the caller called us", async () => {
    let called: readonly string[] = [];
    const channel = await serve({
      check: (_, { metadata }) => {
        called = metadata.get(":authority");
        return {};
      },
    });
    await createClient(HealthDefinition, channel).check({});
    assert.deepEqual(called, ["localhost"]);
  });

  it("carry a thrown status with its details, and not its cause", async () => {
    const details = [{ typeUrl: "type.googleapis.com/a.B", value: Buffer.from("x") }];
    const channel = await serve({
      check: () => {
        throw new StatusError(Code.PermissionDenied, "BANNED", "agent is banned", {
          details,
          cause: new Error("secret"),
        });
      },
    });
    assert.deepEqual(await failureOf(createClient(HealthDefinition, channel).check({})), {
      code: Code.PermissionDenied,
      reason: "PERMISSION_DENIED",
      message: "agent is banned",
      details,
    });
  });

  it("answer UNIMPLEMENTED without a handler", async () => {
    const failure = await failureOf(createClient(HealthDefinition, await serve({})).check({}));
    assert.equal((failure as { code: number }).code, Code.Unimplemented);
  });

  it("end with Cancelled on both sides when the caller aborts", async () => {
    const seen = Promise.withResolvers<void>();
    const entered = Promise.withResolvers<void>();
    const channel = await serve({
      check: async (_, context) => {
        context.signal.addEventListener("abort", () => seen.resolve());
        entered.resolve();
        await seen.promise;
        return {};
      },
    });
    const abort = new AbortController();
    const failure = failureOf(createClient(HealthDefinition, channel).check({}, { signal: abort.signal }));
    await entered.promise;
    abort.abort();
    assert.equal(((await failure) as { code: number }).code, Code.Cancelled);
    await seen.promise;
  });

  it("end with DeadlineExceeded when time runs out", async () => {
    const channel = await serve({
      check: async () => {
        await sleep(500);
        return {};
      },
    });
    const failure = await failureOf(createClient(HealthDefinition, channel).check({}, { deadlineMs: 20 }));
    assert.equal((failure as { code: number }).code, Code.DeadlineExceeded);
  });
});

describe("interceptors", () => {
  it("stand around the handler in order, and can refuse", async () => {
    const order: string[] = [];
    const note =
      (name: string): Interceptor =>
      async (context, next, request) => {
        order.push(`${name} before ${context.method} ${JSON.stringify(request)}`);
        await next();
        order.push(`${name} after`);
      };
    const refuse: Interceptor = async (context, next) => {
      if (context.metadata.get("token")[0] !== "yes")
        throw new StatusError(Code.InvalidArgument, "TOKEN", "no token");
      await next();
    };
    const channel = await serve({ check: () => ({ status: 1 }) }, {}, [note("a"), refuse, note("b")]);
    const client = createClient(HealthDefinition, channel);
    await client.check({}, { metadata: { token: "yes" } });
    const failure = await failureOf(client.check({}));
    assert.deepEqual(order, [
      'a before /grpc.health.v1.Health/Check {"service":""}',
      'b before /grpc.health.v1.Health/Check {"service":""}',
      "b after",
      "a after",
      'a before /grpc.health.v1.Health/Check {"service":""}',
    ]);
    assert.equal((failure as { message: string }).message, "no token");
  });
});

describe("server streams", () => {
  it("wait for a slow reader, and end when it leaves", async () => {
    let produced = 0;
    const ended = Promise.withResolvers<void>();
    const channel = await serve({
      watch: async function* () {
        try {
          for (;;) {
            produced++;
            yield { status: 1 };
          }
        } finally {
          ended.resolve();
        }
      },
    });
    for await (const { status } of createClient(HealthDefinition, channel).watch({})) {
      assert.equal(status, 1);
      await sleep(200);
      break;
    }
    await ended.promise;
    assert.ok(produced < 100_000, `${produced} messages were made for one that was read`);
  });

  it("give the messages before a failure, then the failure", async () => {
    const channel = await serve({
      watch: async function* () {
        yield { status: 1 };
        yield { status: 2 };
        throw new StatusError(Code.Unavailable, "GONE", "gone");
      },
    });
    const seen: number[] = [];
    const failure = await failureOf(
      (async () => {
        for await (const { status } of createClient(HealthDefinition, channel).watch({})) seen.push(status);
      })(),
    );
    assert.deepEqual([seen, (failure as { message: string }).message], [[1, 2], "gone"]);
  });

  it("abort the handler's signal when the caller goes away", async () => {
    const seen = Promise.withResolvers<void>();
    const channel = await serve({
      watch: async function* (_, context) {
        context.signal.addEventListener("abort", () => seen.resolve());
        yield { status: 1 };
        await seen.promise;
      },
    });
    const abort = new AbortController();
    const failure = await failureOf(
      (async () => {
        for await (const _ of createClient(HealthDefinition, channel).watch({}, { signal: abort.signal }))
          abort.abort();
      })(),
    );
    await seen.promise;
    assert.equal((failure as { code: number }).code, Code.Cancelled);
  });
});

describe("bidirectional streams", () => {
  let echo: Handlers<typeof NodeAttestorDefinition>["attest"];
  before(() => {
    echo = async function* (requests: AsyncIterable<{ request: unknown }>, _context: CallContext) {
      for await (const { request } of requests) {
        const { value } = request as { value: Buffer };
        yield { response: { $case: "challenge", value } };
      }
    };
  });

  it("carry messages both ways until the caller half-closes", async () => {
    const channel = await serve({}, { attest: echo });
    const call = createClient(NodeAttestorDefinition, channel).attest();
    const seen: string[] = [];
    await call.send({ request: { $case: "payload", value: Buffer.from("0") } });
    for await (const { response } of call) {
      assert.equal(response?.$case, "challenge");
      seen.push(String(response.value));
      if (seen.length === 5) call.end();
      else
        await call.send({ request: { $case: "challengeResponse", value: Buffer.from(String(seen.length)) } });
    }
    assert.deepEqual(seen, ["0", "1", "2", "3", "4"]);
  });

  it("end the handler's requests with Cancelled when the caller leaves", async () => {
    const seen = Promise.withResolvers<unknown>();
    const channel = await serve(
      {},
      {
        attest: async function* (requests) {
          try {
            yield { response: { $case: "challenge" as const, value: Buffer.from("a") } };
            for await (const _ of requests);
          } catch (error) {
            seen.resolve(shapeOf(error));
            throw error;
          }
        },
      },
    );
    const call = createClient(NodeAttestorDefinition, channel).attest();
    await call.send({ request: { $case: "payload", value: Buffer.from("0") } });
    for await (const _ of call) break;
    assert.deepEqual(await seen.promise, {
      code: Code.Cancelled,
      reason: "CANCELLED",
      message: "context canceled",
      details: [],
    });
  });
});

describe("a connection", () => {
  it("that is refused fails its calls with Unavailable", async () => {
    using channel = openChannel(`unix:${folder}/nobody.sock`, credentials.createInsecure());
    const failure = await failureOf(createClient(HealthDefinition, channel).check({}));
    assert.equal((failure as { code: number }).code, Code.Unavailable);
  });
});
