import { type Figure, median } from "../figure.ts";
import type { TaskResult } from "../load/task.ts";
import { type Measured, measureServer } from "../measure-server.ts";
import type { Stage } from "../subject.ts";

const callsInFlight = 64;
const rounds = 3;
/** What a call passes through is compiled bit by bit, over tens of thousands of calls. */
const warmUps = 4;
const durationMs = 2500;

/** JWT-SVIDs, each by a NewJWTSVID of its own, over mutual TLS. */
export async function measureJwtSvids({ deployment, load }: Stage): Promise<readonly Figure[]> {
  const fetch = (): Promise<TaskResult> => load.run({ kind: "jwt-svids", durationMs, callsInFlight });
  for (let time = 0; time < warmUps; time++) await fetch();
  const results: Measured[] = [];
  for (let round = 0; round < rounds; round++) results.push(await measureServer(deployment, fetch));
  return [
    { name: "jwt_svid_per_s", value: median(results.map(({ perSecond }) => perSecond)), unit: "1/s" },
    { name: "jwt_svid_cpu_ms", value: median(results.map(({ cpuMsEach }) => cpuMsEach)), unit: "ms" },
    {
      name: "jwt_svid_client_cpu_ms",
      value: median(results.map(({ clientCpuMsEach }) => clientCpuMsEach)),
      unit: "ms",
    },
  ];
}
