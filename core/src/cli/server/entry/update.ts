import { EntryDefinition } from "@finial/proto/api/server/entry/v1/entry";
import { Entry } from "@finial/proto/api/types/entry";
import { parseSpiffeId } from "@finial/sdk/spiffe";
import { toWireSpiffeId } from "../../../kernel/convert/spiffe-id.ts";
import { type FlagValues, text } from "../../flag.ts";
import { messageOf } from "../../io.ts";
import { outputFlag, printMessages } from "../../output.ts";
import { readInput } from "../../read-input.ts";
import { usageError } from "../../usage-error.ts";
import { type ServerCommandInput, serverCommand } from "../server-command.ts";
import { parseEntriesJson } from "./entries-json.ts";
import { checkTtls, entryFlags, entryOf } from "./entry-flags.ts";
import { printResults, withEntries } from "./print-results.ts";

const flags = {
  ...entryFlags,
  entryID: text("The ID of the entry to change"),
  output: outputFlag,
};

export const entryUpdate = serverCommand({
  name: "entry update",
  synopsis: "Changes entries: what is not given is taken away",
  flags,
  run: async (input) => {
    const { flags, client, io } = input;
    const entries =
      flags.data === ""
        ? [await keepAttributes(entryOfFlags(flags), input)]
        : parseEntriesJson(await readInput(flags.data, io));
    const response = await client(EntryDefinition).batchUpdateEntry({ entries });
    const results = withEntries(response.results, entries);
    if (flags.output === "pretty") printResults("update", results, io);
    else
      printMessages(
        [{ name: "spire.api.server.entry.v1.BatchUpdateEntryResponse", value: { results } }],
        io.stdout,
      );
  },
});

function entryOfFlags(values: FlagValues<typeof flags>): Entry {
  if (!values.entryID) throw usageError("entry ID is required");
  if (values.selector.length === 0) throw usageError("at least one selector is required");
  if (!values.parentID) throw usageError("a parent ID is required");
  if (!values.spiffeID) throw usageError("a SPIFFE ID is required");
  checkTtls(values);
  const parentId = toWireSpiffeId(parseSpiffeId(values.parentID));
  return { ...Entry.create(), ...entryOf(values, values.entryID, parentId) };
}

/** The two attributes are one field on the wire: the one that is not given keeps what it was. */
async function keepAttributes(
  entry: Entry,
  { flags: values, given, client }: ServerCommandInput<typeof flags>,
): Promise<Entry> {
  const prefetchGiven = given.has("disableX509SVIDPrefetch");
  const jtiGiven = given.has("jwtSVIDIncludeJTI");
  if (!prefetchGiven && !jtiGiven) return entry;
  const existing = await client(EntryDefinition)
    .getEntry({ id: entry.id })
    .catch((error: unknown) => {
      throw usageError(`failed to fetch existing entry to merge additional attributes: ${messageOf(error)}`);
    });
  const kept = existing.additionalAttributes;
  return {
    ...entry,
    additionalAttributes: {
      disableX509SvidPrefetch: prefetchGiven
        ? values.disableX509SVIDPrefetch
        : (kept?.disableX509SvidPrefetch ?? false),
      jwtSvidIncludeJti: jtiGiven ? values.jwtSVIDIncludeJTI : (kept?.jwtSvidIncludeJti ?? false),
    },
  };
}
