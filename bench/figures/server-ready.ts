import { type Figure, median } from "../figure.ts";
import { createDeployment, type Subject } from "../subject.ts";
import { untilServing } from "../until-serving.ts";

const rounds = 3;

/** From the start of `run` to the first good answer of the health service, with keys and database to be made first. */
export async function measureServerReady(subject: Subject): Promise<readonly Figure[]> {
  const times: number[] = [];
  for (let round = 0; round < rounds; round++) {
    await using deployment = await createDeployment(subject);
    const startedAt = performance.now();
    await untilServing(deployment.launchServer(), deployment.serverSocket);
    times.push(performance.now() - startedAt);
  }
  return [{ name: "server_ready_ms", value: median(times), unit: "ms" }];
}
