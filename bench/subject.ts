import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { spireCommand } from "@finial/test/support/binaries";
import { Deployment } from "@finial/test/support/deployment";
import { LoadProcess } from "./load/load-process.ts";
import { untilServing } from "./until-serving.ts";

/** What is measured: Finial, or a real SPIRE beside it. */
export interface Subject {
  readonly title: string;
  /** Before the names of its figures; Finial's have none. */
  readonly prefix: string;
  readonly serverCommand?: readonly string[];
  readonly agentCommand?: readonly string[];
}

/** So many workloads are registered; the calling user is one of them. */
const workloads = 50;

export const finial: Subject = { title: "Finial", prefix: "" };
export const spirePrefix = "spire_";

/** @returns undefined where `SPIRE_BIN_DIR` does not say where its programs are. */
export function findSpire(): Subject | undefined {
  const [serverCommand, agentCommand] = [spireCommand("spire-server"), spireCommand("spire-agent")];
  return (
    serverCommand && agentCommand && { title: "SPIRE", prefix: spirePrefix, serverCommand, agentCommand }
  );
}

/** A server that nothing has been asked of yet, with the limits off that would be all one measured. */
export async function createDeployment({ serverCommand, agentCommand }: Subject): Promise<Deployment> {
  return await Deployment.create({
    ...(serverCommand && { serverCommand }),
    ...(agentCommand && { agentCommand }),
    logLevel: "INFO",
    server: "  ratelimit { attestation = false signing = false }",
  });
}

/** A server and an agent with workloads, and a load process that has attested to the server, too. */
export class Stage implements AsyncDisposable {
  readonly deployment: Deployment;
  readonly load: LoadProcess;
  readonly #owned: AsyncDisposableStack;

  private constructor(deployment: Deployment, load: LoadProcess, owned: AsyncDisposableStack) {
    this.deployment = deployment;
    this.load = load;
    this.#owned = owned;
  }

  static async start(subject: Subject): Promise<Stage> {
    await using stack = new AsyncDisposableStack();
    const deployment = stack.use(await createDeployment(subject));
    await untilServing(deployment.launchServer(), deployment.serverSocket);
    await registerWorkloads(deployment);
    await deployment.startAgent();
    const load = stack.use(new LoadProcess());
    await load.run({
      kind: "attest",
      server: {
        address: `127.0.0.1:${deployment.serverPort}`,
        bundlePem: await deployment.serverCliOk("bundle", "show"),
        trustDomain: deployment.trustDomain,
      },
      joinToken: await deployment.createJoinToken(),
    });
    return new Stage(deployment, load, stack.move());
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#owned.disposeAsync();
  }
}

async function registerWorkloads(deployment: Deployment): Promise<void> {
  const { folder, trustDomain } = deployment;
  const uids = [
    process.getuid?.() ?? 0,
    ...Array.from({ length: workloads - 1 }, (_, index) => 100_000 + index),
  ];
  const entries = uids.map((uid) => ({
    parent_id: `spiffe://${trustDomain}/node`,
    spiffe_id: `spiffe://${trustDomain}/workload/${uid}`,
    selectors: [{ type: "unix", value: `uid:${uid}` }],
  }));
  const file = join(folder, "entries.json");
  writeFileSync(file, JSON.stringify({ entries }));
  await deployment.serverCliOk("entry", "create", "-data", file);
}
