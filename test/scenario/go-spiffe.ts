import { copyFileSync } from "node:fs";
import { join } from "node:path";
import { runCommand } from "../support/child.ts";
import { Deployment } from "../support/deployment.ts";
import { eventually } from "../support/eventually.ts";
import { buildGoProgram } from "../support/go-program.ts";
import { LineProcess } from "../support/line-process.ts";
import type { Scenario } from "../support/scenario.ts";

const ttlSeconds = 30;

export const scenario: Scenario = {
  title:
    "go-spiffe watches X.509-SVIDs over two rotations, checks JWT-SVIDs, and speaks mutual TLS with the one it accepts",
  quick: true,
  needs: ["go"],
  async run({ full, step, say }) {
    const rotations = full ? 10 : 2;
    const program = await buildGoProgram("workload");
    step("built the workload, a Go program with go-spiffe v2");
    await using deployment = await Deployment.create({ agentPlugins });
    await deployment.startServer();
    await deployment.startAgent();
    const workloads = { alice: "", bob: "", eve: "" };
    for (const name of Object.keys(workloads) as (keyof typeof workloads)[]) {
      // One program under three names: the kernel says which of them a process runs.
      workloads[name] = join(deployment.folder, name);
      copyFileSync(program, workloads[name]);
      const selector = `unix:path:${workloads[name]}`;
      await deployment.createEntry(`/${name}`, [selector], "-x509SVIDTTL", String(ttlSeconds));
    }
    const idOf = (name: string): string => `spiffe://${deployment.trustDomain}/${name}`;
    const commandOf = (name: keyof typeof workloads, ...args: readonly string[]): readonly string[] => [
      workloads[name],
      "-socket",
      `unix://${deployment.workloadSocket}`,
      ...args,
    ];
    const jwt = await eventually(() => expectSuccess(commandOf("alice", "jwt")), { timeoutMs: 20_000 });
    if (JSON.parse(jwt).spiffe_id !== idOf("alice")) throw new Error(`a JWT-SVID for somebody else: ${jwt}`);
    step(`three workloads, known by their programs, with X509-SVIDs of ${ttlSeconds} s`);
    say("alice's JWT-SVID holds by the agent's word, and by go-spiffe's with the JWT bundle");
    say("for another audience it does not");

    await using watch = new LineProcess(
      commandOf("alice", "-updates", String(rotations + 1), "-timeout", "10m", "watch"),
    );
    await speakMutualTls({ idOf, commandOf, say });
    step("bob accepts alice alone, and alice bob alone, over mutual TLS");

    const serials = new Set<unknown>();
    for (let update = 0; update <= rotations; update++) {
      const { spiffe_id, serial, not_after, at } = await watch.next();
      if (spiffe_id !== idOf("alice")) throw new Error(`an X509-SVID for ${spiffe_id}`);
      serials.add(serial);
      say(`serial …${String(serial).slice(-8)}, ${Number(not_after) - Number(at)} s before its expiry`);
    }
    if (serials.size !== rotations + 1) throw new Error("an update came without a new X509-SVID");
    const { status, stderr } = await watch.ended();
    if (status !== 0) throw new Error(`the watch ended with ${status}: ${stderr}`);
    step(`watched ${rotations} rotations on one stream, each chain verified against its bundle`);
    return `${rotations} rotations seen, 1 JWT-SVID validated twice, 1 connection made, 2 refused`;
  },
};

/** As the deployment's own, but workloads are known by their programs. */
function agentPlugins(folder: string): string {
  return `
  KeyManager "disk" { plugin_data { directory = "${folder}" } }
  NodeAttestor "join_token" { plugin_data {} }
  WorkloadAttestor "unix" { plugin_data { discover_workload_path = true } }`;
}

async function speakMutualTls({
  idOf,
  commandOf,
  say,
}: {
  readonly idOf: (name: string) => string;
  readonly commandOf: (name: "alice" | "bob" | "eve", ...args: readonly string[]) => readonly string[];
  readonly say: (text: string) => void;
}): Promise<void> {
  await using bob = new LineProcess(commandOf("bob", "-peer", idOf("alice"), "-count", "3", "serve"));
  const { address } = await bob.next();
  const dial = (name: "alice" | "eve", peer: string): readonly string[] =>
    commandOf(name, "-peer", idOf(peer), "-address", String(address), "dial");

  const { greeting } = JSON.parse(await expectSuccess(dial("alice", "bob")));
  if (greeting !== `hello ${idOf("alice")}`) throw new Error(`bob greets with "${greeting}"`);
  const accepted = await bob.next();
  if (accepted.accepted !== idOf("alice")) throw new Error(`bob says ${JSON.stringify(accepted)}`);
  say(`bob accepted ${accepted.accepted}`);

  for (const [name, peer] of [
    ["eve", "bob"],
    ["alice", "eve"],
  ] as const) {
    const { status } = await runCommand(dial(name, peer));
    if (status === 0) throw new Error(`${name}, who wants ${peer}, got through to bob`);
    const { refused } = await bob.next();
    if (refused === undefined) throw new Error(`bob took a connection of ${name}, who wants ${peer}`);
    say(`${name}, who wants ${peer}, did not get through to bob: ${refused}`);
  }
}

async function expectSuccess(command: readonly string[]): Promise<string> {
  const { status, stdout, stderr } = await runCommand(command);
  if (status !== 0) throw new Error(`${command.at(-1)} ended with ${status}: ${stderr}`);
  return stdout;
}
