import { StatusError } from "@finial/sdk";
import { LoadAgent } from "./agent.ts";
import type { Answer, Task, TaskResult } from "./task.ts";
import { fetchFromWorkloadApi } from "./workload.ts";

let agent: LoadAgent | undefined;

process.on("message", (message) => void answer(message as Task));
// Nobody is left to measure for.
process.on("disconnect", () => process.exit());

async function answer(task: Task): Promise<void> {
  const answer = await perform(task).then(
    (result): Answer => ({ ok: true, result }),
    (error: unknown): Answer => ({ ok: false, message: StatusError.from(error).message }),
  );
  process.send?.(answer);
}

async function perform(task: Task): Promise<TaskResult> {
  const startedAt = performance.now();
  const cpuBefore = process.cpuUsage();
  const { count, latenciesMs = [] } = await work(task);
  const { user, system } = process.cpuUsage(cpuBefore);
  return { count, latenciesMs, elapsedMs: performance.now() - startedAt, cpuMs: (user + system) / 1000 };
}

async function work(
  task: Task,
): Promise<{ readonly count: number; readonly latenciesMs?: readonly number[] }> {
  switch (task.kind) {
    case "attest":
      agent = await LoadAgent.attest(task.server, task.joinToken);
      return { count: 1 };
    case "requests":
      await attested().makeRequests(task.count);
      return { count: task.count };
    case "x509-svids":
      return { count: await attested().fetchX509Svids(task) };
    case "jwt-svids":
      return { count: await attested().fetchJwtSvids(task.durationMs, task.callsInFlight) };
    case "workload-fetches": {
      const { socketPath, durationMs, connections } = task;
      const all = Array.from({ length: connections }, () => fetchFromWorkloadApi(socketPath, durationMs));
      const latenciesMs = (await Promise.all(all)).flat();
      return { count: latenciesMs.length, latenciesMs };
    }
  }
}

function attested(): LoadAgent {
  if (agent === undefined) throw new TypeError("not attested yet");
  return agent;
}
