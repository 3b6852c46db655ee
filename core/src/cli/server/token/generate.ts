import { AgentDefinition } from "@finial/proto/api/server/agent/v1/agent";
import { parseSpiffeId } from "@finial/sdk/spiffe";
import { toWireSpiffeId } from "../../../kernel/convert/spiffe-id.ts";
import { int, text } from "../../flag.ts";
import { outputFlag, printMessages } from "../../output.ts";
import { serverCommand } from "../server-command.ts";

export const tokenGenerate = serverCommand({
  name: "token generate",
  synopsis: "Makes a join token for one agent",
  flags: {
    ttl: int("Seconds until the token expires", 600),
    spiffeID: text("A SPIFFE ID to give the agent besides its own (optional)"),
    output: outputFlag,
  },
  run: async ({ flags, client, io, say }) => {
    const agentId = flags.spiffeID === "" ? undefined : toWireSpiffeId(parseSpiffeId(flags.spiffeID));
    const token = await client(AgentDefinition).createJoinToken({
      ttl: flags.ttl,
      ...(agentId && { agentId }),
    });
    if (flags.output === "json") {
      printMessages([{ name: "spire.api.types.JoinToken", value: token }], io.stdout);
      return;
    }
    say(`Token: ${token.value}`);
    if (agentId === undefined) say("Warning: Missing SPIFFE ID.");
  },
});
