import { setTimeout as sleep } from "node:timers/promises";
import { type SpiffeWorkloadAPIDefinition, X509SVIDResponse } from "@finial/proto/workload/workload";
import { Code, StatusError } from "@finial/sdk";
import type { Client } from "@finial/sdk/internal";
import { type CommandIo, messageOf } from "../../io.ts";
import { workloadCommand, workloadMetadata } from "../workload-command.ts";
import { formatX509Svids } from "./print-x509.ts";
import { readX509Response } from "./x509-response.ts";

/** Between attempts: a second more each time, up to the most. */
const backoffStepMs = 1000;
const mostBackoffMs = 30_000;

export const watch = workloadCommand({
  name: "api watch",
  synopsis: "Prints X509-SVIDs from the Workload API as they are renewed, until interrupted",
  flags: {},
  run: async ({ client, io }) => {
    const signal = io.untilInterrupted();
    for (let failures = 0; ; ) {
      try {
        await printEach(client, signal, io, () => {
          failures = 0;
        });
      } catch (error) {
        if (signal.aborted) return;
        const { code } = StatusError.from(error);
        // Trying again would not change what is asked.
        if (code === Code.InvalidArgument) throw error;
        io.stderr.write(`${messageOf(error)}\n`);
      }
      failures++;
      await sleep(Math.min(failures * backoffStepMs, mostBackoffMs), undefined, { signal }).catch(() => {});
      if (signal.aborted) return;
    }
  },
});

async function printEach(
  client: Client<typeof SpiffeWorkloadAPIDefinition>,
  signal: AbortSignal,
  io: CommandIo,
  onUpdate: () => void,
): Promise<void> {
  let since = performance.now();
  for await (const response of client.fetchX509SVID({}, { metadata: workloadMetadata, signal })) {
    onUpdate();
    const tookMs = performance.now() - since;
    since = performance.now();
    try {
      io.stdout.write(formatX509Svids(readX509Response(X509SVIDResponse.create(response), io.now()), tookMs));
    } catch (error) {
      io.stderr.write(`${messageOf(error)}\n`);
    }
  }
}
