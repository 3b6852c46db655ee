import type { Client, ServiceDefinition } from "@finial/sdk/internal";
import { type Command, type CommandInput, command } from "../command.ts";
import { type Flags, type FlagValues, text } from "../flag.ts";
import { messageOf } from "../io.ts";
import { clientOf, openSocket } from "../rpc-client.ts";
import { resolveSocketPath } from "../socket-path.ts";

export const defaultSocketPath = "/tmp/spire-server/private/api.sock";
const variable = "SPIRE_SERVER_PRIVATE_SOCKET";

const socketFlags = {
  socketPath: text("The socket of the server", defaultSocketPath),
  instance: text(
    `The server to talk to, put in the place of %i in the environment variable ${variable}_TEMPLATE`,
  ),
};

/** What a command of the server's operators works with. */
export interface ServerCommandInput<F extends Flags> extends CommandInput<F> {
  client<D extends ServiceDefinition>(definition: D): Client<D>;
  /** A line on standard output. */
  say(line: string): void;
  /** A line on standard error. */
  warn(line: string): void;
}

/** A command that asks a server over its socket. What it throws is told as SPIRE does, with exit status 1. */
export function serverCommand<F extends Flags>(definition: {
  readonly name: string;
  readonly synopsis: string;
  readonly flags: F;
  readonly run: (input: ServerCommandInput<F>) => Promise<void>;
}): Command {
  const { name, synopsis, flags, run } = definition;
  return command({
    name,
    synopsis,
    flags: { ...flags, ...socketFlags },
    run: async (input) => {
      const { io } = input;
      try {
        const { socketPath: given, instance } = input.flags as FlagValues<typeof socketFlags>;
        const socketPath = resolveSocketPath(
          { given, defaultPath: defaultSocketPath, variable, instance },
          io,
        );
        using channel = openSocket(socketPath);
        await run({
          ...input,
          client: (service) => clientOf(service, channel, socketPath),
          say: (line) => void io.stdout.write(`${line}\n`),
          warn: (line) => void io.stderr.write(`${line}\n`),
        });
        return 0;
      } catch (error) {
        io.stderr.write(`Error: ${messageOf(error)}\n`);
        return 1;
      }
    },
  });
}
