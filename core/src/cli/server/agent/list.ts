import { AgentDefinition, ListAgentsResponse } from "@finial/proto/api/server/agent/v1/agent";
import type { Agent } from "@finial/proto/api/types/agent";
import { outputFlag, printMessages } from "../../output.ts";
import { counted } from "../match.ts";
import { serverCommand } from "../server-command.ts";
import { filterFlags, filterOf } from "./filter.ts";
import { formatAgent } from "./print-agent.ts";

const pageSize = 1000;

export const agentList = serverCommand({
  name: "agent list",
  synopsis: "Lists attested agents",
  flags: { ...filterFlags, output: outputFlag },
  run: async ({ flags, client, io, say }) => {
    const filter = filterOf(flags);
    const agents: Agent[] = [];
    for (let pageToken = "", more = true; more; more = pageToken !== "") {
      const page = await client(AgentDefinition).listAgents({ pageSize, pageToken, filter });
      agents.push(...page.agents);
      pageToken = page.nextPageToken;
    }
    if (flags.output === "json") {
      const value = ListAgentsResponse.create({ agents });
      printMessages([{ name: "spire.api.server.agent.v1.ListAgentsResponse", value }], io.stdout);
      return;
    }
    if (agents.length === 0) {
      say("No attested agents found");
      return;
    }
    say(`Found ${counted(agents.length, "attested agent", "attested agents")}:\n`);
    for (const agent of agents) io.stdout.write(formatAgent(agent));
  },
});
