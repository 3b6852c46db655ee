import assert from "node:assert/strict";
import { existsSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, describe, it } from "node:test";
import { HealthDefinition } from "@finial/proto/grpc/health/v1/health";
import { Code, StatusError } from "@finial/sdk";
import { createClient, openChannel } from "@finial/sdk/internal";
import { credentials } from "@grpc/grpc-js";
import { type HostService, HostServiceServer } from "./host-services.ts";

const socketFolder = mkdtempSync(join(tmpdir(), "finial-host-"));
after(() => rmSync(socketFolder, { recursive: true }));

function start(services: readonly HostService[], name = "disk"): Promise<HostServiceServer> {
  return HostServiceServer.start(services, { type: "KeyManager", name, socketFolder });
}

function clientOf({ address }: HostServiceServer) {
  const channel = openChannel(`unix:${address}`, credentials.createInsecure());
  return { ...createClient(HealthDefinition, channel), [Symbol.dispose]: () => channel.close() };
}

describe("HostServiceServer", () => {
  it("knows each plugin by the socket it comes by", async () => {
    const callers: string[] = [];
    const service: HostService<typeof HealthDefinition> = {
      definition: HealthDefinition,
      handlersFor: ({ type, name }) => ({
        check: () => {
          callers.push(`${type}/${name}`);
          return { status: 1 };
        },
      }),
    };
    await using disk = await start([service], "disk");
    await using memory = await start([service], "memory");
    assert.notEqual(disk.address, memory.address);
    for (const server of [memory, disk]) {
      using client = clientOf(server);
      await client.check({});
    }
    assert.deepEqual(callers, ["KeyManager/memory", "KeyManager/disk"]);
  });

  it("says what a service that is not ready says, and goes on", async () => {
    let ready = false;
    const service: HostService<typeof HealthDefinition> = {
      definition: HealthDefinition,
      handlersFor: () => ({
        check: () => {
          if (!ready)
            throw new StatusError(
              Code.FailedPrecondition,
              "HOST_SERVICE_NOT_READY",
              "has not been initialized",
            );
          return { status: 1 };
        },
      }),
    };
    await using server = await start([service]);
    using client = clientOf(server);
    await assert.rejects(client.check({}), { code: 9, message: "has not been initialized" });
    ready = true;
    assert.deepEqual(await client.check({}), { status: 1 });
  });

  it("refuses what it does not offer, and messages larger than any request", async () => {
    await using none = await start([]);
    using stranger = clientOf(none);
    await assert.rejects(stranger.check({}), { code: 12 });
    const service: HostService<typeof HealthDefinition> = {
      definition: HealthDefinition,
      handlersFor: () => ({ check: () => ({ status: 1 }) }),
    };
    await using server = await start([service]);
    using client = clientOf(server);
    await assert.rejects(client.check({ service: "x".repeat(5 << 20) }), { code: 8 });
    assert.deepEqual(await client.check({ service: "x".repeat(3 << 20) }), { status: 1 });
  });

  it("leaves no socket, and cuts off the calls in flight", async () => {
    const called = Promise.withResolvers<void>();
    const service: HostService<typeof HealthDefinition> = {
      definition: HealthDefinition,
      handlersFor: () => ({
        check: () => {
          called.resolve();
          return new Promise(() => {});
        },
      }),
    };
    const server = await start([service]);
    using client = clientOf(server);
    const failed = assert.rejects(client.check({}), { reason: "CANCELLED" });
    await called.promise;
    await server[Symbol.asyncDispose]();
    await failed;
    assert.equal(existsSync(server.address), false);
  });
});
