import { EntryDefinition, ListEntriesResponse } from "@finial/proto/api/server/entry/v1/entry";
import type { Entry } from "@finial/proto/api/types/entry";
import type { Client } from "@finial/sdk/internal";
import { type FlagValues, text } from "../../flag.ts";
import { messageOf } from "../../io.ts";
import { outputFlag, printMessages } from "../../output.ts";
import { usageError } from "../../usage-error.ts";
import { counted } from "../match.ts";
import { serverCommand } from "../server-command.ts";
import { filterFlags, filterOf } from "./filter.ts";
import { formatEntry } from "./print-entry.ts";
import { sortEntries } from "./sort-entries.ts";

const pageSize = 500;

const flags = {
  ...filterFlags,
  entryID: text("Only the entry with this ID"),
  output: outputFlag,
};

export const entryShow = serverCommand({
  name: "entry show",
  synopsis: "Shows entries",
  flags,
  run: async ({ flags, client, io, say }) => {
    const entries = sortEntries(await fetchEntries(flags, client(EntryDefinition)));
    if (flags.output === "json") {
      const value = ListEntriesResponse.create({ entries });
      printMessages([{ name: "spire.api.server.entry.v1.ListEntriesResponse", value }], io.stdout);
      return;
    }
    say(`Found ${counted(entries.length, "entry", "entries")}`);
    for (const entry of entries) io.stdout.write(formatEntry(entry));
  },
});

async function fetchEntries(
  values: FlagValues<typeof flags>,
  client: Client<typeof EntryDefinition>,
): Promise<Entry[]> {
  const { entryID } = values;
  if (entryID !== "") {
    if (values.parentID !== "" || values.spiffeID !== "" || values.selector.length > 0)
      throw usageError("the -entryID flag can't be combined with others");
    return [await client.getEntry({ id: entryID }).catch(failing(`error fetching entry ID ${entryID}`))];
  }
  const filter = filterOf(values);
  const entries: Entry[] = [];
  for (let pageToken = ""; ; ) {
    const page = await client
      .listEntries({ pageSize, pageToken, filter })
      .catch(failing("error fetching entries"));
    entries.push(...page.entries);
    pageToken = page.nextPageToken;
    if (pageToken === "") return entries;
  }
}

function failing(what: string): (error: unknown) => never {
  return (error) => {
    throw usageError(`${what}: ${messageOf(error)}`);
  };
}
