import type { HclBody, HclItem, HclKey, HclValue, Position } from "./ast.ts";
import { parseDurationMs } from "./duration.ts";
import { nearest } from "./nearest.ts";
import { type ParseOptions, parseHcl } from "./parse.ts";
import { type PrintedHcl, printHclPlaces, printHclValue } from "./print.ts";
import { type Problem, problemsError } from "./problem.ts";

/** One appearance of a key: its value, and the labels that stood between. */
export interface Occurrence {
  readonly key: HclKey;
  readonly labels: readonly HclKey[];
  readonly value: HclValue;
}

/** Collects what is wrong, so that one run names all of it. */
export interface Report {
  /** The file that is read, where it has a name. */
  readonly filename: string | undefined;
  add(position: Position | undefined, message: string): void;
}

/** How one key is read. Made by the functions below. */
export interface Field<T> {
  /** @param path the key's whole name, for messages: `server.ca_ttl`. */
  read(occurrences: readonly Occurrence[], path: string, report: Report): T;
}

export type Fields = { readonly [key: string]: Field<unknown> };
export type Decoded<F extends Fields> = { readonly [K in keyof F]: F[K] extends Field<infer T> ? T : never };

interface Optional {
  readonly required?: false;
}
interface Required {
  readonly required: true;
}

function scalar<T>(
  expected: string,
  convert: (value: HclValue, path: string, report: Report) => T | undefined,
) {
  function field(options: Required | { readonly default: T }): Field<T>;
  function field(options?: Optional): Field<T | undefined>;
  function field(options: { readonly required?: boolean; readonly default?: T } = {}): Field<T | undefined> {
    return {
      read: (occurrences, path, report) => {
        // As HCL 1 decodes into a value: the last one wins.
        const last = occurrences.at(-1);
        if (last === undefined) {
          if (options.required) report.add(undefined, `${path} must be configured`);
          return options.default;
        }
        if (last.labels.length > 0) {
          report.add(last.key.position, `${path} takes ${expected}, not a block`);
          return options.default;
        }
        const converted = convert(last.value, path, report);
        if (converted === undefined && last.value.kind !== "string")
          report.add(last.value.position, `${path} takes ${expected}`);
        return converted ?? options.default;
      },
    };
  }
  return field;
}

/** Text. A number is taken as it is written, as HCL 1 does. */
export const string: ReturnType<typeof scalar<string>> = scalar<string>("a string", (value) => {
  if (value.kind === "string") return value.value;
  return value.kind === "number" ? value.text : undefined;
});

/** A whole number, quoted or not. */
export const int: ReturnType<typeof scalar<number>> = scalar<number>(
  "a whole number",
  (value, path, report) => {
    const text = value.kind === "string" ? value.value : value.kind === "number" ? value.text : "";
    const number = parseInteger(text);
    if (number !== undefined) return number;
    if (value.kind === "string") report.add(value.position, `${path} takes a whole number, not "${text}"`);
    return undefined;
  },
);

/** As Go reads a literal: `0x`, `0o` or a mere 0, and `0b` say the base. */
function parseInteger(text: string): number | undefined {
  const match = /^([+-]?)(?:(0[xX][0-9a-fA-F]+|0[bB][01]+|0[oO][0-7]+)|0([0-7]+)|(0|[1-9]\d*))$/.exec(text);
  if (match === null) return undefined;
  const [, sign, prefixed, octal, decimal] = match;
  const magnitude = Number(prefixed ?? (octal === undefined ? decimal : `0o${octal}`));
  if (!Number.isSafeInteger(magnitude)) return undefined;
  return sign === "-" ? 0 - magnitude : magnitude;
}

/** true or false, quoted or not. */
export const bool: ReturnType<typeof scalar<boolean>> = scalar<boolean>(
  "true or false",
  (value, path, report) => {
    if (value.kind === "bool") return value.value;
    if (value.kind === "number") return value.text === "1" ? true : value.text === "0" ? false : undefined;
    if (value.kind !== "string") return undefined;
    if (/^(1|t|T|true|TRUE|True)$/.test(value.value)) return true;
    if (/^(0|f|F|false|FALSE|False)$/.test(value.value)) return false;
    report.add(value.position, `${path} takes true or false, not "${value.value}"`);
    return undefined;
  },
);

/** A Go duration such as `1h30m`, in milliseconds. */
export const durationMs: ReturnType<typeof scalar<number>> = scalar<number>(
  'a duration such as "1h30m"',
  (value, path, report) => {
    const text = value.kind === "string" ? value.value : value.kind === "number" ? value.text : "";
    const ms = parseDurationMs(text);
    if (ms === undefined && value.kind === "string")
      report.add(value.position, `${path} takes a duration such as "1h30m", not "${text}"`);
    return ms;
  },
);

/** A list of strings; a single string is a list of one. Repeated keys add up. */
export function strings(): Field<readonly string[]> {
  return {
    read: (occurrences, path, report) =>
      occurrences.flatMap(({ value }) => {
        const items = value.kind === "list" ? value.items : [value];
        return items.flatMap((item) => {
          if (item.kind === "string") return [item.value];
          if (item.kind === "number") return [item.text];
          report.add(item.position, `${path} takes a list of strings`);
          return [];
        });
      }),
  };
}

/** A block, or an object: `{ … }`. Absent gives undefined; several of the same key are read as one. */
export function block<F extends Fields>(fields: F): Field<Decoded<F> | undefined> {
  return {
    read: (occurrences, path, report) => {
      if (occurrences.length === 0) return undefined;
      const items = occurrences.flatMap((occurrence) =>
        bodiesOf(occurrence, path, report).flatMap((body) => body.items),
      );
      return readFields({ items }, fields, path, report);
    },
  };
}

/** Blocks that may come again, each by itself: `Statsd = [{…}, {…}]` or the block repeated. */
export function blocks<F extends Fields>(fields: F): Field<readonly Decoded<F>[]> {
  return {
    read: (occurrences, path, report) =>
      occurrences.flatMap((occurrence) =>
        bodiesOf(occurrence, path, report).map((body) => readFields(body, fields, path, report)),
      ),
  };
}

/** A labelled block, as read. */
export interface Labelled<T> {
  readonly label: string;
  readonly position: Position;
  readonly value: T;
}

/** Blocks with one label each, in order: `federates_with "example.org" { … }`. */
export function labelled<T>(field: Field<T>): Field<readonly Labelled<T>[]> {
  return {
    read: (occurrences, path, report) =>
      occurrences.flatMap((occurrence) =>
        withLabel(occurrence, path, report).map(({ label, occurrence: inner }) => ({
          label: label.text,
          position: label.position,
          value: field.read([inner], `${path} "${label.text}"`, report),
        })),
      ),
  };
}

/** Whatever stands there, as text. */
export function text(): Field<string | undefined> {
  const field = printed();
  return { read: (...args) => field.read(...args)?.text };
}

/** Whatever stands there, printed as HCL 1 without outer braces: for configuration that is somebody else's to read. */
export function printed(): Field<PrintedHcl | undefined> {
  return {
    read: (occurrences) => {
      if (occurrences.length === 0) return undefined;
      const objects = occurrences.flatMap(({ value }) => (value.kind === "object" ? value.body.items : []));
      const last = occurrences.at(-1)?.value;
      if (last !== undefined && last.kind !== "object" && last.kind !== "list") return printHclValue(last);
      const listed = occurrences.flatMap(({ value }) =>
        value.kind === "list"
          ? value.items.flatMap((item) => (item.kind === "object" ? item.body.items : []))
          : [],
      );
      return printHclPlaces({ items: [...objects, ...listed] });
    },
  };
}

/** Reads the keys of a body. Keys match whatever their case, as in HCL 1; unknown ones are reported with the nearest known. */
export function readFields<F extends Fields>(
  body: HclBody,
  fields: F,
  path: string,
  report: Report,
): Decoded<F> {
  const known = Object.keys(fields);
  const byKey = new Map<string, Occurrence[]>(known.map((key) => [key.toLowerCase(), []]));
  for (const item of body.items) {
    const occurrence = occurrenceOf(item);
    const list = byKey.get(occurrence.key.text.toLowerCase());
    if (list === undefined) report.add(occurrence.key.position, unknownKey(occurrence.key.text, path, known));
    else list.push(occurrence);
  }
  const prefix = path === "" ? "" : `${path}.`;
  return Object.fromEntries(
    Object.entries(fields).map(([key, field]) => [
      key,
      field.read(byKey.get(key.toLowerCase()) ?? [], `${prefix}${key}`, report),
    ]),
  ) as Decoded<F>;
}

/**
 * Decodes configuration text.
 *
 * @throws {StatusError} InvalidArgument: `HCL_SYNTAX`, or `CONFIG_INVALID` with every problem, a line each.
 */
export function decodeConfig<F extends Fields>(
  source: string,
  fields: F,
  options: ParseOptions = {},
): Decoded<F> {
  const problems: Problem[] = [];
  const report: Report = {
    filename: options.filename,
    add: (position, message) => problems.push({ position, message }),
  };
  const decoded = readFields(parseHcl(source, options), fields, "", report);
  if (problems.length > 0) throw problemsError("CONFIG_INVALID", problems, options.filename);
  return decoded;
}

function occurrenceOf(item: HclItem): Occurrence {
  const [key, ...labels] = item.keys;
  return { key, labels, value: item.value };
}

function unknownKey(key: string, path: string, known: readonly string[]): string {
  const meant = nearest(key, known);
  const where = path === "" ? "" : ` in ${path}`;
  if (meant !== undefined) return `unknown key "${key}"${where}; did you mean "${meant}"?`;
  const there = known.length === 0 ? "there are none" : `known are ${known.join(", ")}`;
  return `unknown key "${key}"${where}; ${there}`;
}

/** The bodies of an occurrence: one, or several where it is a list of objects. */
function bodiesOf(occurrence: Occurrence, path: string, report: Report): HclBody[] {
  const { value, labels } = occurrence;
  if (labels.length > 0) {
    report.add(labels[0]?.position, `${path} takes no label`);
    return [];
  }
  if (value.kind === "object") return [value.body];
  const items = value.kind === "list" ? value.items : [];
  if (value.kind === "list" && items.every((item) => item.kind === "object"))
    return items.map((item) => item.body);
  report.add(value.position, `${path} takes a block`);
  return [];
}

/** An occurrence below its label, whether written `a "b" { … }` or `a { b { … } }`. */
function withLabel(
  occurrence: Occurrence,
  path: string,
  report: Report,
): { readonly label: HclKey; readonly occurrence: Occurrence }[] {
  const [label, ...labels] = occurrence.labels;
  if (label !== undefined) return [{ label, occurrence: { ...occurrence, labels } }];
  return bodiesOf(occurrence, path, report).flatMap((body) =>
    body.items.map((item) => ({ label: item.keys[0], occurrence: occurrenceOf(item) })),
  );
}
