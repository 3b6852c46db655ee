import { type BatchDeleteEntryResponse, EntryDefinition } from "@finial/proto/api/server/entry/v1/entry";
import { text } from "../../flag.ts";
import { type CommandIo, messageOf } from "../../io.ts";
import { outputFlag, printMessages } from "../../output.ts";
import { readInput } from "../../read-input.ts";
import { usageError } from "../../usage-error.ts";
import { serverCommand } from "../server-command.ts";
import { describe, succeeded } from "./print-results.ts";

export const entryDelete = serverCommand({
  name: "entry delete",
  synopsis: "Deletes entries",
  flags: {
    entryID: text("The ID of the entry to delete"),
    file: text('A JSON file such as {"ids": ["…"]} with several; - is standard input'),
    output: outputFlag,
  },
  run: async ({ flags, client, io }) => {
    if (flags.file === "" && flags.entryID === "") throw usageError("an entry ID is required");
    const ids = flags.file === "" ? [flags.entryID] : parseIds(await readInput(flags.file, io));
    const value = await client(EntryDefinition).batchDeleteEntry({ ids });
    if (flags.output === "json")
      printMessages([{ name: "spire.api.server.entry.v1.BatchDeleteEntryResponse", value }], io.stdout);
    else printDeleted(value, io);
  },
});

function parseIds(data: string): string[] {
  let ids: unknown;
  try {
    ids = JSON.parse(data)?.ids ?? [];
  } catch (error) {
    throw usageError(`the file is not JSON: ${messageOf(error)}`);
  }
  if (Array.isArray(ids) && ids.every((id) => typeof id === "string")) return ids;
  throw usageError('the file takes an object such as {"ids": ["…"]}');
}

function printDeleted({ results }: BatchDeleteEntryResponse, { stdout, stderr }: CommandIo): void {
  const deleted = results.filter(succeeded);
  const failed = results.filter((result) => !succeeded(result));
  for (const { id } of deleted) stdout.write(`Deleted entry with ID: ${id}\n`);
  if (deleted.length > 0) stdout.write("\n\n");
  for (const { id, status } of failed)
    stderr.write(`Failed to delete entry with ID ${id} (${describe(status)})\n`);
  if (failed.length === 0) {
    stdout.write(`Deleted ${deleted.length} entries successfully\n`);
    return;
  }
  stdout.write(
    deleted.length === 0
      ? `\n\nFailed to delete ${failed.length} entries\n`
      : `\n\nDeleted ${deleted.length} entries successfully, but failed to delete ${failed.length} entries\n`,
  );
  throw usageError("failed to delete one or more entries");
}
