import { AgentDefinition } from "@finial/proto/api/server/agent/v1/agent";
import { outputFlag, printMessages } from "../../output.ts";
import { counted } from "../match.ts";
import { serverCommand } from "../server-command.ts";
import { filterFlags, filterOf } from "./filter.ts";

export const agentCount = serverCommand({
  name: "agent count",
  synopsis: "Counts attested agents",
  flags: { ...filterFlags, output: outputFlag },
  run: async ({ flags, client, io, say }) => {
    const value = await client(AgentDefinition).countAgents({ filter: filterOf(flags) });
    if (flags.output === "json")
      printMessages([{ name: "spire.api.server.agent.v1.CountAgentsResponse", value }], io.stdout);
    else say(counted(value.count, "attested agent", "attested agents"));
  },
});
