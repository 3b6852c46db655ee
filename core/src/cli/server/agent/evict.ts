import { AgentDefinition } from "@finial/proto/api/server/agent/v1/agent";
import { outputFlag, printMessages } from "../../output.ts";
import { serverCommand } from "../server-command.ts";
import { agentIdFlag, parseAgentId } from "./agent-id.ts";

export const agentEvict = serverCommand({
  name: "agent evict",
  synopsis: "Forgets an attested agent: it has to attest again",
  flags: { spiffeID: agentIdFlag, output: outputFlag },
  run: async ({ flags, client, io, say }) => {
    const value = await client(AgentDefinition).deleteAgent({ id: parseAgentId(flags.spiffeID) });
    if (flags.output === "json") printMessages([{ name: "google.protobuf.Empty", value }], io.stdout);
    else say("Agent evicted successfully");
  },
});
