import { SpiffeWorkloadAPIDefinition } from "@finial/proto/workload/workload";
import type { CallOptions, Client } from "@finial/sdk/internal";
import { type Command, type CommandInput, command } from "../command.ts";
import { duration, type Flags, type FlagValues } from "../flag.ts";
import { messageOf } from "../io.ts";
import { clientOf, openSocket } from "../rpc-client.ts";
import { usageError } from "../usage-error.ts";
import { agentSocketPath, socketFlags } from "./agent-socket.ts";

/** Without it an agent does not answer: no browser can be made to send it. */
export const workloadMetadata: Readonly<Record<string, string>> = { "workload.spiffe.io": "true" };

const sharedFlags = {
  ...socketFlags,
  timeout: duration("How long to wait for an answer; 0s is for ever", 5000),
};

export interface WorkloadCommandInput<F extends Flags> extends CommandInput<F> {
  readonly client: Client<typeof SpiffeWorkloadAPIDefinition>;
  /** For each call: the header and the deadline. */
  readonly callOptions: CallOptions;
}

/** A command that asks an agent as a workload does. What it throws is told on standard error, with exit status 1. */
export function workloadCommand<F extends Flags>(definition: {
  readonly name: string;
  readonly synopsis: string;
  readonly flags: F;
  readonly run: (input: WorkloadCommandInput<F>) => Promise<void>;
}): Command {
  const { name, synopsis, flags, run } = definition;
  return command({
    name,
    synopsis,
    flags: { ...flags, ...sharedFlags },
    run: async (input) => {
      const shared = input.flags as FlagValues<typeof sharedFlags>;
      try {
        const path = agentSocketPath(shared, input.io);
        using channel = openSocket(path);
        await run({
          ...input,
          client: clientOf(SpiffeWorkloadAPIDefinition, channel, path),
          callOptions: {
            metadata: workloadMetadata,
            ...(shared.timeout > 0 && { deadlineMs: shared.timeout }),
          },
        });
        return 0;
      } catch (error) {
        input.io.stderr.write(`${messageOf(error)}\n`);
        return 1;
      }
    },
  });
}

/** The first message of a stream, which is cancelled then. */
export async function firstOf<T>(stream: AsyncIterable<T>): Promise<T> {
  for await (const message of stream) return message;
  throw usageError("the agent ended the stream without an answer");
}
