import { AgentDefinition } from "@finial/proto/api/server/agent/v1/agent";
import { outputFlag, printMessages } from "../../output.ts";
import { serverCommand } from "../server-command.ts";
import { agentIdFlag, parseAgentId } from "./agent-id.ts";
import { formatAgent, formatRow } from "./print-agent.ts";

export const agentShow = serverCommand({
  name: "agent show",
  synopsis: "Shows an attested agent and its selectors",
  flags: { spiffeID: agentIdFlag, output: outputFlag },
  run: async ({ flags, client, io, say }) => {
    const value = await client(AgentDefinition).getAgent({ id: parseAgentId(flags.spiffeID) });
    if (flags.output === "json") {
      printMessages([{ name: "spire.api.types.Agent", value }], io.stdout);
      return;
    }
    say("Found an attested agent given its SPIFFE ID\n");
    io.stdout.write(formatAgent(value));
    for (const selector of value.selectors)
      io.stdout.write(formatRow("Selectors", `${selector.type}:${selector.value}`));
  },
});
