import { SpiffeWorkloadAPIDefinition } from "@finial/proto/workload/workload";
import { type Channel, createClient, openChannel } from "@finial/sdk/internal";
import { credentials } from "@grpc/grpc-js";

/** A connection that leaves more streams than a thousand is ended by the agent, as an attack. */
const callsPerConnection = 500;

/** Fetches an X.509-SVID and leaves, again and again. @returns how long each took, in milliseconds. */
export async function fetchFromWorkloadApi(
  socketPath: string,
  durationMs: number,
): Promise<readonly number[]> {
  const latenciesMs: number[] = [];
  const end = performance.now() + durationMs;
  while (performance.now() < end) {
    using channel = openChannel(`unix:${socketPath}`, credentials.createInsecure());
    for (let calls = 0; calls < callsPerConnection && performance.now() < end; calls++) {
      const startedAt = performance.now();
      await fetchOnce(channel);
      latenciesMs.push(performance.now() - startedAt);
    }
  }
  return latenciesMs;
}

async function fetchOnce(channel: Channel): Promise<void> {
  const client = createClient(SpiffeWorkloadAPIDefinition, channel);
  for await (const { svids } of client.fetchX509SVID({}, { metadata: { "workload.spiffe.io": "true" } })) {
    if (svids.length === 0) break;
    return;
  }
  throw new Error("the agent gave no X509-SVID");
}
