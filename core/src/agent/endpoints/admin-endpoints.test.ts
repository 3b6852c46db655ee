import assert from "node:assert/strict";
import { mkdtempSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, describe, it } from "node:test";
import { PluginDefinition } from "@finial/proto/api/plugin/v1/plugin";
import { SpiffeWorkloadAPIDefinition } from "@finial/proto/workload/workload";
import { Code, StatusError, systemClock } from "@finial/sdk";
import { createClient, type Handlers, openChannel } from "@finial/sdk/internal";
import { captureLog } from "@finial/sdk/testing";
import { credentials } from "@grpc/grpc-js";
import { AdminEndpoints } from "./admin-endpoints.ts";

const folder = mkdtempSync(join(tmpdir(), "finial-admin-"));
after(() => rmSync(folder, { recursive: true }));

async function start(plugin: Partial<Handlers<typeof PluginDefinition>>) {
  const logger = captureLog();
  const socketPath = join(folder, "private", "admin.sock");
  const endpoints = await AdminEndpoints.start({
    socketPath,
    plugin: plugin as Handlers<typeof PluginDefinition>,
    clock: systemClock,
    logger,
  });
  const channel = openChannel(`unix:${socketPath}`, credentials.createInsecure());
  return { logger, socketPath, endpoints, channel };
}

describe("AdminEndpoints", () => {
  it("serve the plugin API to the agent's user and group alone, and nothing that workloads ask", async () => {
    const { socketPath, endpoints, channel } = await start({ listPlugins: () => ({ plugins: [] }) });
    await using _ = endpoints;
    using client = channel;
    assert.equal(statSync(socketPath).mode & 0o777, 0o770);
    assert.deepEqual(await createClient(PluginDefinition, client).listPlugins({}), { plugins: [] });
    const workload = createClient(SpiffeWorkloadAPIDefinition, client);
    await assert.rejects(workload.fetchJWTSVID({ audience: ["a"] }), { code: Code.Unimplemented });
  });

  it("log a call that failed, with who made it", async () => {
    const { logger, endpoints, channel } = await start({
      restartPlugin: () => {
        throw new StatusError(Code.NotFound, "X", "there is no such plugin");
      },
    });
    await using _ = endpoints;
    using client = channel;
    await assert.rejects(createClient(PluginDefinition, client).restartPlugin({}), { code: Code.NotFound });
    const [failure] = logger.lines.filter(({ level }) => level === "error");
    assert.deepEqual(failure?.fields, {
      method: "RestartPlugin",
      caller_pid: process.pid,
      caller_uid: process.getuid?.(),
      status_code: "NotFound",
      error: "there is no such plugin",
    });
  });

  it("end with their agent, though somebody follows a log", async () => {
    const { logger, endpoints, channel } = await start({
      watchPluginLog: async function* (_, { signal }) {
        yield { message: "one" };
        await new Promise((resolve) => signal.addEventListener("abort", resolve));
      },
    });
    using client = channel;
    const lines = createClient(PluginDefinition, client).watchPluginLog({})[Symbol.asyncIterator]();
    assert.equal((await lines.next()).value?.message, "one");
    const rest = assert.rejects(lines.next());
    await endpoints[Symbol.asyncDispose]();
    await rest;
    assert.deepEqual(
      logger.lines.filter(({ level }) => level === "error"),
      [],
    );
  });
});
