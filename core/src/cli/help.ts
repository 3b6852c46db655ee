import type { Command } from "./command.ts";

/** A program and its commands. */
export interface Program {
  readonly name: string;
  readonly version: string;
  readonly commands: readonly Command[];
}

/** The commands below these words, or all: one line each, groups only by their first word. */
export function programHelp({ name, commands }: Program): string {
  const rows = new Map<string, string>();
  for (const command of commands) {
    const [first = "", ...more] = command.name.split(" ");
    if (more.length === 0) rows.set(first, command.synopsis);
    else rows.set(first, `${rows.has(first) ? `${rows.get(first)}, ` : ""}${more.join(" ")}`);
  }
  return `Usage: ${name} <command> [flags]

Commands:
${table([...rows])}
"${name} <command> -help" tells the flags of a command, "${name} -version" the version.
`;
}

/** The commands of a group: `entry` → create, show, … */
export function groupHelp({ name, commands }: Program, group: string): string {
  const rows = commands
    .filter((command) => command.name.startsWith(`${group} `))
    .map((command): [string, string] => [command.name.slice(group.length + 1), command.synopsis]);
  return `Usage: ${name} ${group} <command> [flags]\n\nCommands:\n${table(rows)}`;
}

/** What a command does, and its flags with their defaults. */
export function commandHelp({ name }: Program, command: Command): string {
  const flags = Object.entries(command.flags)
    .sort(([one], [other]) => (one < other ? -1 : 1))
    .map(([flag, { help, takes, initialText }]) => {
      const head = takes === undefined ? `-${flag}` : `-${flag} ${takes}`;
      return `  ${head}\n        ${help}${initialText === "" ? "" : ` (default ${initialText})`}\n`;
    });
  const operands = command.operands === undefined ? "" : ` ${command.operands}`;
  return `Usage: ${name} ${command.name} [flags]${operands}\n\n${command.synopsis}.\n\nFlags:\n${flags.join("")}`;
}

function table(rows: readonly (readonly [string, string])[]): string {
  const sorted = rows.toSorted(([one], [other]) => (one < other ? -1 : 1));
  const width = Math.max(...sorted.map(([head]) => head.length));
  return sorted.map(([head, text]) => `  ${head.padEnd(width)}  ${text}\n`).join("");
}
