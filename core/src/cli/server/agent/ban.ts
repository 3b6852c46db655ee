import { AgentDefinition } from "@finial/proto/api/server/agent/v1/agent";
import { outputFlag, printMessages } from "../../output.ts";
import { serverCommand } from "../server-command.ts";
import { agentIdFlag, parseAgentId } from "./agent-id.ts";

export const agentBan = serverCommand({
  name: "agent ban",
  synopsis: "Bans an attested agent: it can neither renew its SVID nor attest again",
  flags: { spiffeID: agentIdFlag, output: outputFlag },
  run: async ({ flags, client, io, say }) => {
    const value = await client(AgentDefinition).banAgent({ id: parseAgentId(flags.spiffeID) });
    if (flags.output === "json") printMessages([{ name: "google.protobuf.Empty", value }], io.stdout);
    else say("Agent banned successfully");
  },
});
