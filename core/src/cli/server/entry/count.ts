import { EntryDefinition } from "@finial/proto/api/server/entry/v1/entry";
import { outputFlag, printMessages } from "../../output.ts";
import { counted } from "../match.ts";
import { serverCommand } from "../server-command.ts";
import { filterFlags, filterOf } from "./filter.ts";

export const entryCount = serverCommand({
  name: "entry count",
  synopsis: "Counts entries",
  flags: { ...filterFlags, output: outputFlag },
  run: async ({ flags, client, io, say }) => {
    const value = await client(EntryDefinition).countEntries({ filter: filterOf(flags) });
    if (flags.output === "json")
      printMessages([{ name: "spire.api.server.entry.v1.CountEntriesResponse", value }], io.stdout);
    else say(counted(value.count, "registration entry", "registration entries"));
  },
});
