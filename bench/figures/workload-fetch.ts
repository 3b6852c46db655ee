import { type Figure, median, percentile } from "../figure.ts";
import type { TaskResult } from "../load/task.ts";
import type { Stage } from "../subject.ts";

const connections = 8;
const rounds = 3;
const durationMs = 2000;

/** Calls of FetchX509SVID, each attested anew and left after its first response, by a workload with one identity. */
export async function measureWorkloadFetches({ deployment, load }: Stage): Promise<readonly Figure[]> {
  const fetch = (): Promise<TaskResult> =>
    load.run({ kind: "workload-fetches", socketPath: deployment.workloadSocket, connections, durationMs });
  await fetch();
  const results: TaskResult[] = [];
  for (let round = 0; round < rounds; round++) results.push(await fetch());
  const latencyMs = (percent: number): number =>
    median(results.map(({ latenciesMs }) => percentile(latenciesMs, percent)));
  return [
    {
      name: "workload_fetch_per_s",
      value: median(results.map(({ count, elapsedMs }) => (count * 1000) / elapsedMs)),
      unit: "1/s",
    },
    { name: "workload_fetch_p50_ms", value: latencyMs(50), unit: "ms" },
    { name: "workload_fetch_p99_ms", value: latencyMs(99), unit: "ms" },
  ];
}
