import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { SpiffeWorkloadAPIDefinition } from "@finial/proto/workload/workload";
import { Code, codeName, StatusError } from "@finial/sdk";
import { createClient, openChannel } from "@finial/sdk/internal";
import { credentials } from "@grpc/grpc-js";
import { finialCommand } from "../support/binaries.ts";
import { runCommand } from "../support/child.ts";
import { Deployment } from "../support/deployment.ts";
import type { Scenario, ScenarioContext } from "../support/scenario.ts";

export const scenario: Scenario = {
  title:
    "who has no identity, sends no header, brings a bad join token or misspells a key is told so in a sentence",
  quick: true,
  async run({ step, say }) {
    await using deployment = await Deployment.create();
    await deployment.startServer();
    step("agents bring join tokens that are no good, and end");
    const tokens = await refuseTokens(deployment, say);
    step("processes call the Workload API that must not");
    const calls = await refuseCalls(deployment, say);
    step("operators misspell a key");
    const typos = await refuseTypos(deployment, say);
    return `${tokens + calls + typos} refusals, each with its sentence`;
  },
};

type Say = ScenarioContext["say"];

async function refuseTokens(deployment: Deployment, say: Say): Promise<number> {
  const wrong = "00000000-0000-4000-8000-000000000000";
  await refuseToken(deployment, wrong, "join token does not exist or has already been used");
  say("a wrong join token: it does not exist or has already been used");

  const expired = await deployment.createJoinToken("-ttl", "1");
  await sleep(2_000);
  await refuseToken(deployment, expired, "join token expired");
  say("an expired join token: it has expired");

  const used = await deployment.createJoinToken();
  await deployment.startAgent(used);
  await deployment.agent?.stop();
  deployment.forgetAgent();
  await refuseToken(deployment, used, "join token does not exist or has already been used");
  say("a join token for the second time: it does not exist or has already been used");
  return 3;
}

async function refuseToken(deployment: Deployment, token: string, sentence: string): Promise<void> {
  const log = await deployment.startAgent(token).then(
    () => "it started",
    (error: Error) => error.message,
  );
  if (!log.includes("ended with 1") || !log.includes(sentence))
    throw new Error(`expected the agent to end with "${sentence}", but: ${log}`);
}

async function refuseCalls(deployment: Deployment, say: Say): Promise<number> {
  await deployment.startAgent();
  const unregistered = await deployment.agentCli("api", "fetch", "x509");
  const sentence = "rpc error: code = PermissionDenied desc = no identity issued";
  if (unregistered.status !== 1 || unregistered.stderr.trim() !== sentence)
    throw new Error(`an unregistered process got ${JSON.stringify(unregistered)}`);
  say(`an unregistered process: ${sentence}`);

  using channel = openChannel(`unix:${deployment.workloadSocket}`, credentials.createInsecure());
  const client = createClient(SpiffeWorkloadAPIDefinition, channel);
  const calls: Readonly<Record<string, () => Promise<unknown>>> = {
    FetchX509SVID: () => firstOf(client.fetchX509SVID({})),
    FetchX509Bundles: () => firstOf(client.fetchX509Bundles({})),
    FetchJWTSVID: () => client.fetchJWTSVID({ audience: ["a"] }),
    FetchJWTBundles: () => firstOf(client.fetchJWTBundles({})),
    ValidateJWTSVID: () => client.validateJWTSVID({ audience: "a", svid: "a.b.c" }),
  };
  for (const [method, call] of Object.entries(calls)) {
    const error = StatusError.from(await call().catch((thrown: unknown) => thrown));
    if (error.code !== Code.InvalidArgument || error.message !== "security header missing from request")
      throw new Error(`${method} without the header got ${codeName(error.code)} ${error.message}`);
  }
  say("each method without workload.spiffe.io: InvalidArgument, security header missing from request");
  return 1 + Object.keys(calls).length;
}

async function firstOf(stream: AsyncIterable<unknown>): Promise<unknown> {
  for await (const message of stream) return message;
  return undefined;
}

async function refuseTypos(deployment: Deployment, say: Say): Promise<number> {
  const typos = [
    [
      "finial-server",
      'server {\n  trust_domian = "example.org"\n}\nplugins {}\n',
      'did you mean "trust_domain"?',
    ],
    [
      "finial-agent",
      'agent {\n  server_adress = "localhost"\n}\nplugins {}\n',
      'did you mean "server_address"?',
    ],
  ] as const;
  for (const [program, text, hint] of typos)
    for (const command of ["run", "validate"]) {
      const file = join(deployment.folder, `${program}-typo.conf`);
      writeFileSync(file, text);
      const { status, stderr } = await runCommand([...finialCommand(program), command, "-config", file]);
      if (status !== 1 || !stderr.includes(`${file}:2:3: `) || !stderr.includes(hint))
        throw new Error(`${program} ${command} said of a misspelled key: ${stderr}`);
      say(`${program} ${command}: ${stderr.trim().replace(file, `${program}.conf`)}`);
    }
  return 2 * typos.length;
}
