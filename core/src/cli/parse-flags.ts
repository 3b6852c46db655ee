import { nearest } from "@finial/sdk/hcl";
import type { Flags, FlagValues } from "./flag.ts";
import { messageOf } from "./io.ts";
import { usageError } from "./usage-error.ts";

export interface ParsedFlags<F extends Flags> {
  readonly values: FlagValues<F>;
  /** Names of the flags that were there. */
  readonly given: ReadonlySet<string>;
  /** What follows the flags. */
  readonly rest: readonly string[];
}

/**
 * Reads flags as Go's flag package does: one dash or two, `-flag value` or `-flag=value`, up to the first argument that is
 * none, or a mere `--`.
 *
 * @throws {StatusError} InvalidArgument `USAGE`.
 */
export function parseFlags<F extends Flags>(flags: F, args: readonly string[]): ParsedFlags<F> {
  const values: Record<string, unknown> = {};
  for (const [name, { initial }] of Object.entries(flags)) values[name] = initial;
  const given = new Set<string>();
  let index = 0;
  while (index < args.length) {
    const argument = args[index] ?? "";
    if (!/^-./.test(argument)) break;
    index++;
    if (argument === "--") break;
    const [, name = "", attached] = /^--?([^=]*)(?:=([\s\S]*))?$/.exec(argument) ?? [];
    const flag = Object.hasOwn(flags, name) ? flags[name] : undefined;
    if (flag === undefined) throw unknownFlag(argument, name, Object.keys(flags));
    let value = attached;
    if (value === undefined && flag.takes === undefined) value = "true";
    if (value === undefined) {
      value = args[index++];
      if (value === undefined) throw usageError(`flag needs an argument: -${name}`);
    }
    try {
      values[name] = flag.set(values[name], value);
    } catch (error) {
      throw usageError(`invalid value ${JSON.stringify(value)} for flag -${name}: ${messageOf(error)}`);
    }
    given.add(name);
  }
  return { values: values as FlagValues<F>, given, rest: args.slice(index) };
}

function unknownFlag(argument: string, name: string, known: readonly string[]): Error {
  if (!/^--?[^-=]/.test(argument)) return usageError(`bad flag syntax: ${argument}`);
  const meant = nearest(name, known);
  const hint = meant === undefined ? "" : `; did you mean -${meant}?`;
  return usageError(`flag provided but not defined: -${name}${hint}`);
}
