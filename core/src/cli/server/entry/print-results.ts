import type { Entry } from "@finial/proto/api/types/entry";
import type { Status } from "@finial/proto/api/types/status";
import { Code, codeName } from "@finial/sdk";
import type { CommandIo } from "../../io.ts";
import { usageError } from "../../usage-error.ts";
import { formatEntry } from "./print-entry.ts";

/** A batch's answer for one entry; the entry is the one that was sent when it failed. */
export interface EntryResult {
  readonly status?: Status | undefined;
  readonly entry?: Entry | undefined;
}

/** Answers with the entries that were sent in the place of the ones a failure leaves out. */
export function withEntries<R extends EntryResult>(results: readonly R[], sent: readonly Entry[]): R[] {
  return results.map((result, index) => (succeeded(result) ? result : { ...result, entry: sent[index] }));
}

/**
 * Prints what went well, then on standard error what did not.
 *
 * @param verb "create" or "update".
 * @throws {StatusError} when anything did not.
 */
export function printResults(
  verb: string,
  results: readonly EntryResult[],
  { stdout, stderr }: CommandIo,
): void {
  for (const { entry } of results.filter(succeeded))
    if (entry !== undefined) stdout.write(formatEntry(entry));
  const failed = results.filter((result) => !succeeded(result));
  for (const { status, entry } of failed) {
    stderr.write(`Failed to ${verb} the following entry (${describe(status)}):\n`);
    if (entry !== undefined) stderr.write(formatEntry(entry));
  }
  if (failed.length > 0) throw usageError(`failed to ${verb} one or more entries`);
}

export function succeeded({ status }: { readonly status?: Status | undefined }): boolean {
  return (status?.code ?? Code.Ok) === Code.Ok;
}

/** `code: AlreadyExists, msg: "…"`. */
export function describe(status: Status | undefined): string {
  return `code: ${codeName((status?.code ?? Code.Unknown) as Code)}, msg: ${JSON.stringify(status?.message ?? "")}`;
}
