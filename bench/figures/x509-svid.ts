import { type Figure, median } from "../figure.ts";
import type { TaskResult } from "../load/task.ts";
import { type Measured, measureServer } from "../measure-server.ts";
import type { Stage } from "../subject.ts";

/** As many as an agent with some workloads sends; SPIRE allows 500. */
const perCall = 50;
const callsInFlight = 8;
const rounds = 3;
const count = 15_000;
/** A server at work has compiled what it does all day: the first tens of thousands are not counted. */
const warmUp = { count: 5000, times: 6 };

/** X.509-SVIDs for fresh certificate requests, by BatchNewX509SVID over mutual TLS. */
export async function measureX509Svids({ deployment, load }: Stage): Promise<readonly Figure[]> {
  const fetch = (keep: boolean): Promise<TaskResult> =>
    load.run({ kind: "x509-svids", perCall, callsInFlight, keep });
  await load.run({ kind: "requests", count: warmUp.count });
  for (let time = 1; time <= warmUp.times; time++) await fetch(time < warmUp.times);
  const results: Measured[] = [];
  for (let round = 0; round < rounds; round++) {
    await load.run({ kind: "requests", count });
    results.push(await measureServer(deployment, () => fetch(false)));
  }
  return [
    { name: "x509_svid_per_s", value: median(results.map(({ perSecond }) => perSecond)), unit: "1/s" },
    { name: "x509_svid_cpu_ms", value: median(results.map(({ cpuMsEach }) => cpuMsEach)), unit: "ms" },
    {
      name: "x509_svid_client_cpu_ms",
      value: median(results.map(({ clientCpuMsEach }) => clientCpuMsEach)),
      unit: "ms",
    },
  ];
}
