import { nearest } from "@finial/sdk/hcl";
import type { Command } from "./command.ts";
import { commandHelp, groupHelp, type Program, programHelp } from "./help.ts";
import { type CommandIo, messageOf, processIo } from "./io.ts";

/** The exit status a shell gives for a command that is not there. */
const commandNotFound = 127;

/**
 * Runs the command that the arguments name.
 *
 * @returns the exit status: 0 and 1 as in SPIRE, 127 when there is no such command.
 */
export async function runProgram(program: Program, args: readonly string[], io: CommandIo): Promise<number> {
  const words = leadingWords(args);
  const found = findCommand(program, words);
  const asked = args.slice(0, args.includes("--") ? args.indexOf("--") : undefined);
  if (words.length === 0 && asked.some((argument) => /^--?v(ersion)?$/.test(argument))) {
    io.stdout.write(`${program.version}\n`);
    return 0;
  }
  const helpAsked = asked.some((argument) => /^--?h(elp)?$/.test(argument));
  if (found !== undefined) {
    if (helpAsked) {
      io.stdout.write(commandHelp(program, found));
      return 0;
    }
    const used = found.name.split(" ").length;
    try {
      return await found.run(args.slice(used), io);
    } catch (error) {
      io.stderr.write(`${messageOf(error)}\n`);
      return 1;
    }
  }
  if (words.length === 0) {
    (helpAsked ? io.stdout : io.stderr).write(programHelp(program));
    return helpAsked ? 0 : commandNotFound;
  }
  return notFound(program, words, helpAsked, io);
}

/** Runs a program as this process; its exit status becomes the process's when nothing is left to do. */
export async function main(program: Program): Promise<void> {
  process.exitCode = await runProgram(program, process.argv.slice(2), processIo());
}

function leadingWords(args: readonly string[]): readonly string[] {
  const end = args.findIndex((argument) => argument.startsWith("-"));
  return end === -1 ? args : args.slice(0, end);
}

/** The longest name that the words begin with: `api fetch jwt` before `api fetch`. */
function findCommand({ commands }: Program, words: readonly string[]): Command | undefined {
  const line = `${words.join(" ")} `;
  return commands
    .filter(({ name }) => line.startsWith(`${name} `))
    .toSorted((one, other) => other.name.length - one.name.length)[0];
}

function notFound(program: Program, words: readonly string[], helpAsked: boolean, io: CommandIo): number {
  const names = program.commands.map(({ name }) => name);
  const [group = ""] = words;
  const inGroup = names.some((name) => name.startsWith(`${group} `));
  if (inGroup && (words.length === 1 || helpAsked)) {
    (helpAsked ? io.stdout : io.stderr).write(groupHelp(program, group));
    return helpAsked ? 0 : 1;
  }
  const typed = words.slice(0, inGroup ? Math.max(2, words.length) : undefined).join(" ");
  const meant = nearestCommand(words, names);
  const hint = meant === undefined ? "" : `; did you mean "${meant}"?`;
  io.stderr.write(`${program.name} has no command "${typed}"${hint}\n\n`);
  io.stderr.write(inGroup ? groupHelp(program, group) : programHelp(program));
  return inGroup ? 1 : commandNotFound;
}

/** Compares as many words as each command has, so that arguments that follow do not count. */
function nearestCommand(words: readonly string[], names: readonly string[]): string | undefined {
  for (const length of [3, 2, 1]) {
    const candidates = names.filter((name) => name.split(" ").length === length);
    const meant = words.length < length ? undefined : nearest(words.slice(0, length).join(" "), candidates);
    if (meant !== undefined) return meant;
  }
  const groups = new Set(names.flatMap((name) => (name.includes(" ") ? [name.split(" ")[0] ?? ""] : [])));
  const [group = ""] = words;
  return groups.has(group) ? undefined : nearest(group, [...groups]);
}
