import type { Client, ServiceDefinition } from "@finial/sdk/internal";
import { type Command, type CommandInput, command } from "./command.ts";
import type { Flags, FlagValues } from "./flag.ts";
import { type CommandIo, messageOf } from "./io.ts";
import { printable } from "./printable.ts";
import { clientOf, openSocket } from "./rpc-client.ts";

/** What a command works with that asks a daemon. */
export interface SocketCommandInput<F extends Flags> extends CommandInput<F> {
  client<D extends ServiceDefinition>(definition: D): Client<D>;
  /** A line on standard output. */
  say(line: string): void;
  /** A line on standard error. */
  warn(line: string): void;
}

export interface SocketCommandDefinition<F extends Flags> {
  readonly name: string;
  readonly synopsis: string;
  readonly flags: F;
  /** What follows the flags; absent when nothing does. */
  readonly operands?: string;
  readonly run: (input: SocketCommandInput<F>) => Promise<void>;
}

/** Makes commands that ask one daemon. What they throw is told as SPIRE does, with exit status 1. */
export type MakeSocketCommand = <F extends Flags>(definition: SocketCommandDefinition<F>) => Command;

/** @param where the flags that say at which socket the daemon is, and how they do. */
export function socketCommands<S extends Flags>(where: {
  readonly flags: S;
  readonly path: (flags: FlagValues<S>, io: CommandIo) => string;
}): MakeSocketCommand {
  return ({ flags, run, ...rest }) =>
    command({
      ...rest,
      flags: { ...flags, ...where.flags },
      run: async (input) => {
        const { io } = input;
        try {
          const socketPath = where.path(input.flags as FlagValues<S>, io);
          using channel = openSocket(socketPath);
          await run({
            ...input,
            client: (service) => clientOf(service, channel, socketPath),
            say: (line) => void io.stdout.write(`${line}\n`),
            warn: (line) => void io.stderr.write(`${line}\n`),
          });
          return 0;
        } catch (error) {
          // A daemon tells what its plugins have said.
          io.stderr.write(`Error: ${printable(messageOf(error))}\n`);
          return 1;
        }
      },
    });
}
