import { type Figure, median } from "../figure.ts";
import { measureServer } from "../measure-server.ts";
import type { Stage } from "../subject.ts";

/** As many as an agent with some workloads sends; SPIRE allows 500. */
const perCall = 50;
const callsInFlight = 8;
const rounds = 3;
const count = 20_000;

/** X.509-SVIDs for fresh certificate requests, by BatchNewX509SVID over mutual TLS. */
export async function measureX509Svids({ deployment, load }: Stage): Promise<readonly Figure[]> {
  await load.run({ kind: "requests", count: count / 2 });
  await load.run({ kind: "x509-svids", perCall, callsInFlight });
  const results = [];
  for (let round = 0; round < rounds; round++) {
    await load.run({ kind: "requests", count });
    results.push(
      await measureServer(deployment, () => load.run({ kind: "x509-svids", perCall, callsInFlight })),
    );
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
