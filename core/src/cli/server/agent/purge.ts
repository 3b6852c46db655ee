import { AgentDefinition } from "@finial/proto/api/server/agent/v1/agent";
import type { Agent } from "@finial/proto/api/types/agent";
import { duration, toggle } from "../../flag.ts";
import { messageOf } from "../../io.ts";
import { outputFlag, printJson } from "../../output.ts";
import { usageError } from "../../usage-error.ts";
import { formatId } from "../entry/print-entry.ts";
import { counted } from "../match.ts";
import { type ServerCommandInput, serverCommand } from "../server-command.ts";
import { formatRow } from "./print-agent.ts";

const flags = {
  expiredFor: duration("Purge agents whose SVID has been expired for longer than this", 720 * 3_600_000),
  dryRun: toggle("Only tell which agents would be purged"),
  output: outputFlag,
};

/** An agent to purge and what became of it, with the keys of the JSON output. */
interface Purged {
  readonly agent_id: string;
  readonly deleted: boolean;
  readonly error?: string;
}

export const agentPurge = serverCommand({
  name: "agent purge",
  synopsis: "Forgets agents that expired long ago and could attest again",
  flags,
  run: async (input) => {
    const { client, io } = input;
    const { agents } = await client(AgentDefinition)
      .listAgents({ filter: { byCanReattest: true }, outputMask: { x509svidExpiresAt: true } })
      .catch((error: unknown) => {
        throw usageError(`failed to list agents: ${messageOf(error)}`);
      });
    const beforeMs = io.now().getTime() - input.flags.expiredFor;
    const purged: Purged[] = [];
    for (const agent of agents.filter(({ x509svidExpiresAt }) => x509svidExpiresAt * 1000 < beforeMs))
      purged.push(await purge(agent, input));
    if (input.flags.output === "json") printJson({ expired_agents: purged }, io.stdout);
    else print(purged, input);
  },
});

async function purge({ id }: Agent, input: ServerCommandInput<typeof flags>): Promise<Purged> {
  const agent_id = formatId(id);
  if (input.flags.dryRun) return { agent_id, deleted: false };
  try {
    await input.client(AgentDefinition).deleteAgent({ ...(id && { id }) });
    return { agent_id, deleted: true };
  } catch (error) {
    return { agent_id, deleted: false, error: messageOf(error) };
  }
}

function print(
  purged: readonly Purged[],
  { flags: { dryRun }, io, say }: ServerCommandInput<typeof flags>,
): void {
  if (purged.length === 0) {
    say("No agents to purge.");
    return;
  }
  say(`Found ${counted(purged.length, "expired agent", "expired agents")}\n`);
  const section = (title: string, agents: readonly Purged[]): void => {
    if (agents.length > 0) say(title);
    for (const { agent_id, error } of agents) {
      io.stdout.write(formatRow("SPIFFE ID", agent_id));
      if (error !== undefined) io.stdout.write(formatRow("Error", error));
    }
  };
  if (dryRun) {
    section("\nAgents that can be purged:", purged);
    return;
  }
  section(
    "Agents purged:",
    purged.filter(({ deleted }) => deleted),
  );
  section(
    "Agents not purged:",
    purged.filter(({ deleted }) => !deleted),
  );
}
