import { StatusError } from "@finial/sdk";
import { type HclBody, type HclValue, type Position, parseHcl, printHclValue } from "@finial/sdk/hcl";
import { parseSecretReference } from "./reference.ts";
import type { SecretResolver } from "./secret-resolver.ts";

/** A configuration text with the secrets in it: for the plugin's eyes only. */
export interface ResolvedConfig {
  readonly text: string;
  /** What must be seen nowhere else. */
  readonly secrets: readonly string[];
  /** Where that which stands at a place of `text` stood before the secrets were put in. */
  readonly toWritten: (position: Position) => Position;
}

/** A reference as it is written: its quotes stand on one line, and what is in them means what it says. */
interface Found {
  readonly token: string;
  readonly value: string;
  readonly position: Position;
}

interface Edit extends Pick<Found, "token" | "position"> {
  readonly replacement: string;
}

/** Whether a text may hold references: true for one in a comment, too. */
export function mayHoldReferences(text: string): boolean {
  return /"secret\+[a-z]+:/.test(text);
}

/**
 * Puts the secret in the place of each reference in a configuration text, HCL or JSON: a string in double quotes that begins
 * with `secret+file:`, `secret+env:` or `secret+exec:`. Everything else stays letter for letter as it is written, and a text
 * without references is not even parsed.
 *
 * @throws {StatusError} with a line for each reference that does not resolve, each beginning with its place, as in
 *   `plugin_data:2:14: `; InvalidArgument `HCL_SYNTAX` for a text that cannot be parsed; Cancelled.
 */
export async function resolveConfigSecrets(
  text: string,
  resolver: Pick<SecretResolver, "resolve">,
  options: { readonly signal?: AbortSignal | undefined } = {},
): Promise<ResolvedConfig> {
  const found = mayHoldReferences(text) ? findReferences(text) : [];
  const results = await Promise.allSettled(found.map(({ value }) => resolveOne(value, resolver, options)));
  options.signal?.throwIfAborted();
  const failures = results.flatMap((result, index) =>
    result.status === "rejected" ? [placed(result.reason, found[index])] : [],
  );
  const [first] = failures;
  if (first !== undefined)
    throw new StatusError(first.code, first.reason, failures.map(({ message }) => message).join("\n"));
  const secrets = results.flatMap((result) => (result.status === "fulfilled" ? [result.value] : []));
  const edits = found.map(({ token, position }, index) => ({
    token,
    position,
    replacement: printHclValue({ kind: "string", value: secrets[index] ?? "", position }).text,
  }));
  return { text: edit(text, edits), secrets, toWritten: (position) => beforeEdits(position, edits) };
}

async function resolveOne(
  value: string,
  resolver: Pick<SecretResolver, "resolve">,
  options: { readonly signal?: AbortSignal | undefined },
): Promise<string> {
  const reference = parseSecretReference(value);
  if (reference === undefined) throw new TypeError("only references are resolved");
  return await resolver.resolve(reference, options);
}

function findReferences(text: string): readonly Found[] {
  const lines = text.replace(/^\ufeff/, "").split("\n");
  return stringsOf(parseHcl(text, { filename: "plugin_data" })).flatMap(({ value, position }) => {
    const rest = lines[position.line - 1]?.slice(position.column - 1) ?? "";
    const token = /^"secret\+[a-z]+:(?:[^"\\]|\\.)*"/.exec(rest)?.[0];
    return token === undefined ? [] : [{ token, value, position }];
  });
}

interface HclString {
  readonly value: string;
  readonly position: Position;
}

function stringsOf(body: HclBody): readonly HclString[] {
  return body.items.flatMap(({ value }) => stringsIn(value));
}

function stringsIn(value: HclValue): readonly HclString[] {
  switch (value.kind) {
    case "string":
      return [value];
    case "list":
      return value.items.flatMap(stringsIn);
    case "object":
      return stringsOf(value.body);
    default:
      return [];
  }
}

/** From the last to the first, so that the places of those before stay what they are. */
function edit(text: string, edits: readonly Edit[]): string {
  const start = text.startsWith("\ufeff") ? 1 : 0;
  const lineStarts = [start, ...[...text.matchAll(/\n/g)].map(({ index }) => index + 1)];
  return edits.reduceRight((edited, { token, position, replacement }) => {
    const at = (lineStarts[position.line - 1] ?? 0) + position.column - 1;
    return edited.slice(0, at) + replacement + edited.slice(at + token.length);
  }, text);
}

/** A secret is written on one line, whatever is in it: only columns move. */
function beforeEdits({ line, column }: Position, edits: readonly Edit[]): Position {
  let moved = 0;
  for (const { token, position, replacement } of edits) {
    const start = position.column + moved;
    if (position.line !== line || start > column) continue;
    if (column < start + replacement.length) return position;
    moved += replacement.length - token.length;
  }
  return { line, column: column - moved };
}

function placed(error: unknown, found: Found | undefined): StatusError {
  const { line, column } = found?.position ?? { line: 1, column: 1 };
  return StatusError.from(error).prefixed(`plugin_data:${line}:${column}: `);
}
