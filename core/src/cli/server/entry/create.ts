import { EntryDefinition } from "@finial/proto/api/server/entry/v1/entry";
import { Entry } from "@finial/proto/api/types/entry";
import { parseSpiffeId } from "@finial/sdk/spiffe";
import { toWireSpiffeId } from "../../../kernel/convert/spiffe-id.ts";
import { type FlagValues, text, toggle } from "../../flag.ts";
import { outputFlag, printMessages } from "../../output.ts";
import { readInput } from "../../read-input.ts";
import { usageError } from "../../usage-error.ts";
import { serverCommand } from "../server-command.ts";
import { parseEntriesJson } from "./entries-json.ts";
import { checkTtls, entryFlags, entryOf } from "./entry-flags.ts";
import { printResults, withEntries } from "./print-results.ts";

const flags = {
  ...entryFlags,
  entryID: text("An ID for the entry (optional); the server makes one unless it is given"),
  node: toggle("The entry is for agents with these selectors, not for workloads"),
  output: outputFlag,
};

export const entryCreate = serverCommand({
  name: "entry create",
  synopsis: "Registers workloads, or groups of agents",
  flags,
  run: async ({ flags, client, io }) => {
    const entries =
      flags.data === "" ? [entryOfFlags(flags)] : parseEntriesJson(await readInput(flags.data, io));
    const response = await client(EntryDefinition).batchCreateEntry({ entries });
    const results = withEntries(response.results, entries);
    if (flags.output === "pretty") printResults("create", results, io);
    else
      printMessages(
        [{ name: "spire.api.server.entry.v1.BatchCreateEntryResponse", value: { results } }],
        io.stdout,
      );
  },
});

function entryOfFlags(values: FlagValues<typeof flags>): Entry {
  if (values.selector.length === 0) throw usageError("at least one selector is required");
  if (values.node && values.federatesWith.length > 0) throw usageError("node entries can not federate");
  if (!values.parentID && !values.node)
    throw usageError("a parent ID is required if the node flag is not set");
  if (!values.spiffeID) throw usageError("a SPIFFE ID is required");
  checkTtls(values);
  const { trustDomain } = toWireSpiffeId(parseSpiffeId(values.spiffeID));
  const parentId = values.node
    ? { trustDomain, path: "/spire/server" }
    : toWireSpiffeId(parseSpiffeId(values.parentID));
  return { ...Entry.create(), ...entryOf(values, values.entryID, parentId) };
}
