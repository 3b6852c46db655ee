import { SpiffeWorkloadAPIDefinition } from "@finial/proto/workload/workload";
import { Code, StatusError } from "@finial/sdk";
import { createClient, openChannel } from "@finial/sdk/internal";
import { credentials } from "@grpc/grpc-js";

const deadlineMs = 30_000;

/**
 * Calls the agent's own Workload API as a workload does. That the agent itself has no identity is no fault.
 *
 * @throws {StatusError} what a workload would get.
 */
export async function checkWorkloadApi(
  socketPath: string,
  { signal }: { readonly signal: AbortSignal },
): Promise<void> {
  using channel = openChannel(`unix:${socketPath}`, credentials.createInsecure());
  const client = createClient(SpiffeWorkloadAPIDefinition, channel);
  const options = { signal, deadlineMs, metadata: { "workload.spiffe.io": "true" } };
  try {
    for await (const _ of client.fetchX509Bundles({}, options)) return;
  } catch (error) {
    if (StatusError.from(error).code !== Code.PermissionDenied) throw error;
  }
}
