import { parseDurationMs } from "@finial/sdk/hcl";
import { formatDuration } from "./go-duration.ts";
import { usageError } from "./usage-error.ts";

/** How one flag is read. Made by the functions below. */
export interface Flag<T> {
  readonly help: string;
  /** What it takes, for the help: "string", "int", …; undefined when it stands alone. */
  readonly takes: string | undefined;
  readonly initial: T;
  /** The default as it would be typed; "" when there is none to speak of. */
  readonly initialText: string;
  /** @throws {StatusError} InvalidArgument, saying only what is wrong with the text. */
  set(current: T, text: string): T;
}

export type Flags = { readonly [name: string]: Flag<unknown> };
export type FlagValues<F extends Flags> = { readonly [K in keyof F]: F[K] extends Flag<infer T> ? T : never };

export function text(help: string, initial = ""): Flag<string> {
  return {
    help,
    takes: "string",
    initial,
    initialText: initial && JSON.stringify(initial),
    set: (_, value) => value,
  };
}

/** May come again, each time with one more value. */
export function texts(help: string): Flag<readonly string[]> {
  return {
    help: `${help}. Can be used more than once`,
    takes: "value",
    initial: [],
    initialText: "",
    set: (current, value) => [...current, value],
  };
}

/** Values with commas between; the last one given counts. */
export function commaTexts(help: string): Flag<readonly string[]> {
  return { help, takes: "value", initial: [], initialText: "", set: (_, value) => value.split(",") };
}

/** On when it is there; `-flag=false` turns it off again. */
export function toggle(help: string): Flag<boolean> {
  return {
    help,
    takes: undefined,
    initial: false,
    initialText: "",
    set: (_, value) => {
      if (/^(1|t|T|true|TRUE|True)$/.test(value)) return true;
      if (/^(0|f|F|false|FALSE|False)$/.test(value)) return false;
      throw usageError("it takes true or false");
    },
  };
}

/** true or false; anything else is all. */
export function maybe(help: string): Flag<boolean | undefined> {
  return {
    help,
    takes: "value",
    initial: undefined,
    initialText: "",
    set: (_, value) => (value === "true" ? true : value === "false" ? false : undefined),
  };
}

/** A whole number, in 32 bits unless `most` says otherwise. */
export function int(help: string, initial = 0, most = 2 ** 31 - 1): Flag<number> {
  return {
    help,
    takes: "int",
    initial,
    initialText: initial === 0 ? "" : String(initial),
    set: (_, value) => {
      const match = /^([+-]?)(0[xX][0-9a-fA-F]+|0[oO]?[0-7]+|0[bB][01]+|\d+)$/.exec(value);
      if (match === null) throw usageError("parse error");
      const digits = (match[2] ?? "").replace(/^0(?=\d)/, "0o");
      const number = Number(digits) * (match[1] === "-" ? -1 : 1);
      if (Math.abs(number) > most) throw usageError("value out of range");
      return number;
    },
  };
}

/** A duration as Go writes it, in milliseconds. */
export function duration(help: string, initialMs = 0): Flag<number> {
  return {
    help,
    takes: "duration",
    initial: initialMs,
    initialText: initialMs === 0 ? "" : formatDuration(initialMs),
    set: (_, value) => {
      const ms = parseDurationMs(value);
      if (ms === undefined) throw usageError('it takes a duration such as "1h30m"');
      return ms;
    },
  };
}

/** One of a few words, in any case. */
export function oneOf<T extends string>(help: string, words: readonly [T, ...T[]]): Flag<T> {
  return {
    help,
    takes: "value",
    initial: words[0],
    initialText: JSON.stringify(words[0]),
    set: (_, value) => {
      const found = words.find((word) => word === value.toLowerCase());
      if (found === undefined) throw usageError(`it is one of ${words.join(", ")}`);
      return found;
    },
  };
}
