import type { Flags, FlagValues } from "./flag.ts";
import { type CommandIo, messageOf } from "./io.ts";
import { parseFlags } from "./parse-flags.ts";

/** A command of one of the programs. */
export interface Command {
  /** All its words: `entry create`. */
  readonly name: string;
  /** One line for the list. */
  readonly synopsis: string;
  readonly flags: Flags;
  /** What follows the flags, for the help: `<side> <type> <name>`; absent when nothing does. */
  readonly operands?: string | undefined;
  /** @returns the exit status: 0 when all went well. */
  run(args: readonly string[], io: CommandIo): Promise<number>;
}

export interface CommandInput<F extends Flags> {
  readonly flags: FlagValues<F>;
  readonly given: ReadonlySet<string>;
  /** What follows the flags; empty unless the command says that something does. */
  readonly operands: readonly string[];
  readonly io: CommandIo;
}

/** A command with its flags read. What is wrong with them is told on standard error. */
export function command<F extends Flags>(definition: {
  readonly name: string;
  readonly synopsis: string;
  readonly flags: F;
  readonly operands?: string;
  /** The exit status for flags that are none; 1, as in SPIRE, unless said. */
  readonly misuseStatus?: number;
  readonly run: (input: CommandInput<F>) => Promise<number>;
}): Command {
  const { name, synopsis, flags, operands, misuseStatus = 1, run } = definition;
  return {
    name,
    synopsis,
    flags,
    operands,
    run: async (args, io) => {
      let parsed: ReturnType<typeof parseFlags<F>>;
      try {
        parsed = parseFlags(flags, args);
      } catch (error) {
        io.stderr.write(`${messageOf(error)}\n`);
        io.stderr.write(`"${name} -help" tells all flags.\n`);
        return misuseStatus;
      }
      const { values, given, rest } = parsed;
      // As in SPIRE they do no harm; but they are hardly meant to do nothing.
      if (rest.length > 0 && operands === undefined)
        io.stderr.write(`Warning: passed over ${rest.join(" ")}: ${name} takes nothing after its flags\n`);
      return await run({ flags: values, given, operands: operands === undefined ? [] : rest, io });
    },
  };
}
