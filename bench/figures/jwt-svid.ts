import { type Figure, median } from "../figure.ts";
import { measureServer } from "../measure-server.ts";
import type { Stage } from "../subject.ts";

const callsInFlight = 64;
const rounds = 3;
const count = 20_000;

/** JWT-SVIDs, each by a NewJWTSVID of its own, over mutual TLS. */
export async function measureJwtSvids({ deployment, load }: Stage): Promise<readonly Figure[]> {
  await load.run({ kind: "jwt-svids", count: count / 2, callsInFlight });
  const results = [];
  for (let round = 0; round < rounds; round++)
    results.push(
      await measureServer(deployment, () => load.run({ kind: "jwt-svids", count, callsInFlight })),
    );
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
