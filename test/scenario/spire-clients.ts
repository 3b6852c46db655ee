import { X509Certificate } from "node:crypto";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { finialCommand, spireCommand } from "../support/binaries.ts";
import { runCommand } from "../support/child.ts";
import { Deployment } from "../support/deployment.ts";
import { eventually } from "../support/eventually.ts";
import { type Scenario, type ScenarioContext, Skipped } from "../support/scenario.ts";

/** Long enough for a slow machine, short enough to be waited for: agents renew at half of it. */
const ttlSeconds = 40;

export const scenario: Scenario = {
  title: "SPIRE's own agent and commands work with a Finial server, and its commands print what SPIRE's do",
  quick: false,
  async run(context) {
    const server = spireCommand("spire-server");
    const agent = spireCommand("spire-agent");
    if (server === undefined || agent === undefined)
      throw new Skipped("SPIRE_BIN_DIR names no folder with spire-server and spire-agent");
    await serveAgent(agent, context);
    const commands = await compareCommands(server, context);
    return `attestation, rotation, restart and ban of SPIRE's agent; ${commands} commands print the same from both programs and to both servers`;
  },
};

async function serveAgent(agentCommand: readonly string[], { step, say }: ScenarioContext): Promise<void> {
  await using deployment = await Deployment.create({ agentCommand });
  await deployment.startServer();
  const agent = await deployment.startAgent();
  const uid = `unix:uid:${process.getuid?.()}`;
  await deployment.createEntry("/web", [uid], "-dns", "web.example.org", "-x509SVIDTTL", `${ttlSeconds}`);
  const first = await eventually(() => fetchX509(deployment), { timeoutMs: 20_000, everyMs: 250 });
  await deployment.agentCliOk("api", "fetch", "jwt", "-audience", "test");
  step("SPIRE's agent on a Finial server: attested, and serves both kinds of SVID");

  await deployment.server?.kill();
  await deployment.startServer();
  await eventually(
    async () => {
      if ((await fetchX509(deployment)).serialNumber === first.serialNumber) throw new Error("no rotation");
    },
    { timeoutMs: ttlSeconds * 1000, everyMs: 1000 },
  );
  say("the server was killed and started again; the SVID was renewed in time");

  const list: { agents: readonly { id: { path: string } }[] } = JSON.parse(
    await deployment.serverCliOk("agent", "list", "-output", "json"),
  );
  const agentId = `spiffe://${deployment.trustDomain}${list.agents[0]?.id.path}`;
  await deployment.serverCliOk("agent", "ban", "-spiffeID", agentId);
  await eventually(
    async () => {
      if (agent.running) throw new Error("a banned agent goes on");
    },
    { timeoutMs: 30_000, everyMs: 250 },
  );
  say("banned, the agent ends");
}

async function fetchX509(deployment: Deployment): Promise<X509Certificate> {
  await deployment.agentCliOk("api", "fetch", "x509", "-silent", "-write", deployment.folder);
  return new X509Certificate(readFileSync(join(deployment.folder, "svid.0.pem")));
}

/** In this order: later ones show what earlier ones have made. */
const commands: readonly string[] = [
  "token generate -spiffeID spiffe://example.org/node",
  "token generate -output json",
  "token generate -spiffeID spiffe://other.org/node",
  "entry create -entryID web -parentID spiffe://example.org/node -spiffeID spiffe://example.org/web -selector unix:uid:1000 -selector unix:gid:1000 -dns web.example.org -x509SVIDTTL 600 -jwtSVIDTTL 120 -hint h",
  "entry create -parentID spiffe://example.org/node -spiffeID spiffe://example.org/web -selector unix:uid:1000 -selector unix:gid:1000",
  "entry create -entryID alias -node -spiffeID spiffe://example.org/alias -selector x:y -output json",
  "entry create -entryID db -parentID spiffe://example.org/node -spiffeID spiffe://example.org/db -selector unix:uid:1 -admin -downstream -storeSVID -entryExpiry 1900000000",
  "entry create -parentID spiffe://example.org/node -spiffeID spiffe://example.org/spire/x -selector a:b",
  "entry create -entryID bad/id -parentID spiffe://example.org/node -spiffeID spiffe://example.org/x -selector a:b",
  "entry create -parentID spiffe://example.org/node -spiffeID spiffe://example.org/x -selector a:b -dns bad..name",
  "entry create -data /nonexistent.json",
  "entry show",
  "entry show -output json",
  "entry show -downstream",
  "entry show -selector unix:uid:1000 -matchSelectorsOn superset",
  "entry show -entryID none",
  "entry update -entryID db -parentID spiffe://example.org/node -spiffeID spiffe://example.org/db2 -selector unix:uid:2",
  "entry update -entryID none -parentID spiffe://example.org/node -spiffeID spiffe://example.org/db2 -selector unix:uid:2",
  "entry count",
  "entry count -downstream -output json",
  "agent list",
  "agent list -output json",
  "agent count",
  "agent show -spiffeID spiffe://example.org/spire/agent/join_token/none",
  "agent evict -spiffeID spiffe://example.org/spire/agent/join_token/none",
  "agent purge -expiredFor 1h",
  "bundle show",
  "bundle show -output json",
  "bundle count",
  "bundle list -id spiffe://none.org",
  "bundle delete -id spiffe://none.org",
  "x509 mint -spiffeID spiffe://example.org/m -ttl 1000h",
  "x509 mint -spiffeID spiffe://other.org/m",
  "jwt mint -spiffeID spiffe://example.org/m -audience a -ttl 1000h",
  "jwt mint -spiffeID spiffe://example.org/m",
  "healthcheck",
];

/** @returns how many commands were compared. */
async function compareCommands(spire: readonly string[], { step }: ScenarioContext): Promise<number> {
  const finial = finialCommand("finial-server");
  await using theirs = await Deployment.create({ serverCommand: spire });
  await using theirsAgain = await Deployment.create({ serverCommand: spire });
  await using ours = await Deployment.create();
  await Promise.all([theirs.startServer(), theirsAgain.startServer(), ours.startServer()]);
  const differences: string[] = [];
  for (const command of commands) {
    const expected = await printed(spire, command, theirs);
    const answers = {
      "SPIRE's command on a Finial server": await printed(spire, command, ours),
      "Finial's command on SPIRE's server": await printed(finial, command, theirsAgain),
    };
    for (const [who, answer] of Object.entries(answers))
      if (answer !== expected) differences.push(`${command}\n  SPIRE: ${expected}\n  ${who}: ${answer}`);
  }
  if (differences.length > 0)
    throw new Error(`${differences.length} answers differ:\n${differences.join("\n")}`);
  step("compared what SPIRE's and Finial's commands print");
  return commands.length;
}

/** Exit status and output, without what differs from run to run. */
async function printed(
  program: readonly string[],
  command: string,
  { serverSocket }: Deployment,
): Promise<string> {
  const words = command.split(" ");
  const at = words.findIndex((word) => word.startsWith("-"));
  words.splice(at === -1 ? words.length : at, 0, "-socketPath", serverSocket);
  const { status, stdout, stderr } = await runCommand([...program, ...words]);
  return JSON.stringify({ status, stdout: generalised(stdout), stderr: generalised(stderr) });
}

function generalised(text: string): string {
  return text
    .replace(/-----BEGIN ([A-Z ]+)-----.*?-----END \1-----/gs, "<$1>")
    .replace(/[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}/g, "<UUID>")
    .replace(/eyJ[\w.-]+/g, "<JWT>")
    .replace(/"[A-Za-z0-9+/=]{60,}"/g, "<base64>")
    .replace(/"key_id":"\w{32}"/g, "<key ID>")
    .replace(/"(expires_at|created_at)":"1[78]\d{8}"/g, '"$1":<time>')
    .replace(/expires "[^"]+"/g, "expires <time>");
}
