import { existsSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";
import { HealthDefinition } from "@finial/proto/grpc/health/v1/health";
import { createClient, openChannel } from "@finial/sdk/internal";
import type { Daemon } from "@finial/test/support/daemon";
import { credentials } from "@grpc/grpc-js";

/** Asked often enough to be exact, and seldom enough not to slow what starts. */
const everyMs = 5;
const limitMs = 30_000;

/** Resolves when the daemon's health service, on its socket, says for the first time that it serves. */
export async function untilServing(daemon: Daemon, socketPath: string): Promise<void> {
  const deadline = performance.now() + limitMs;
  while (!(existsSync(socketPath) && (await isServing(socketPath)))) {
    daemon.assertRunning();
    if (performance.now() > deadline) throw new Error(`${daemon.name} does not serve:\n${daemon.log}`);
    await sleep(everyMs);
  }
}

/** On a connection of its own: one that was refused would wait before it tries again. */
async function isServing(socketPath: string): Promise<boolean> {
  using channel = openChannel(`unix:${socketPath}`, credentials.createInsecure());
  const health = createClient(HealthDefinition, channel);
  const { status } = await health.check({}, { deadlineMs: 1000 }).catch(() => ({ status: 0 }));
  return status === 1;
}
