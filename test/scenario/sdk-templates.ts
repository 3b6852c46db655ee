import { ConfigDefinition } from "@finial/proto/plugin/service/config/v1/config";
import { Code, codeName, StatusError } from "@finial/sdk";
import { type Channel, createClient, type ServiceDefinition } from "@finial/sdk/internal";
import { Deployment } from "../support/deployment.ts";
import { eventually } from "../support/eventually.ts";
import { buildGoProgram } from "../support/go-program.ts";
import { formatTable } from "../support/matrix/cell.ts";
import { definitions } from "../support/matrix/definitions.ts";
import { addressOf, type PluginKind, pluginKinds } from "../support/matrix/kind.ts";
import { launchKeys } from "../support/matrix/plugin-program.ts";
import { startPluginProcess } from "../support/plugin-process.ts";
import type { Scenario } from "../support/scenario.ts";
import { agentPlugins, serverPlugins } from "../support/sides.ts";

const name = "template";
const unimplemented = "not implemented";

export const scenario: Scenario = {
  title: "the templates of spire-plugin-sdk, compiled as they are, load, take a configuration and answer",
  quick: false,
  async run({ step, say }) {
    const program = await buildGoProgram("template");
    step("built the templates with spire-plugin-sdk");
    const daemons = new Map([...(await useBearable(program)), ...(await useUnbearable(program))]);
    step("Finial's daemons loaded and configured each of them, and asked what they ask");
    let asked = 0;
    const rows: (readonly string[])[] = [];
    for (const kind of pluginKinds) {
      const answers = await askTemplate(program, kind);
      asked += answers.length;
      rows.push([addressOf(kind), `${answers.length} unimplemented`, daemons.get(addressOf(kind)) ?? "NO"]);
    }
    step("asked each RPC of each of them, before a configuration and with one");
    for (const line of formatTable(["template", "RPCs", "in the daemon"], rows)) say(line);
    return `${rows.length} templates loaded and configured, ${asked} RPCs answered as the templates say`;
  },
};

/** What daemons do well without: they go on with what they have besides. */
async function useBearable(program: string): Promise<readonly (readonly [string, string])[]> {
  const on = (side: "server" | "agent") =>
    pluginKinds.filter((kind) => kind.side === side && refusalOf(kind) === undefined);
  await using deployment = await Deployment.create({
    serverPlugins: (folder) =>
      serverPlugins(
        folder,
        on("server")
          .map((kind) => block(program, kind))
          .join("\n"),
      ),
    agentPlugins: (folder) =>
      agentPlugins(
        folder,
        [
          'NodeAttestor "join_token" { plugin_data {} }',
          ...on("agent").map((kind) => block(program, kind)),
        ].join("\n"),
      ),
  });
  const server = await deployment.startServer();
  const agent = await deployment.startAgent();
  for (const kind of [...on("server"), ...on("agent")])
    checkLoaded(kind.side === "server" ? server.log : agent.log, kind);
  const uid = `unix:uid:${process.getuid?.()}`;
  await deployment.createEntry("/workload", [uid]);
  await deployment.createEntry("/stored", ["template:place:shelf"], "-storeSVID");
  await eventually(() => deployment.agentCliOk("api", "fetch", "x509"), { timeoutMs: 20_000, everyMs: 250 });
  const said = (kind: string, log: () => string, sentence: string): Promise<readonly [string, string]> =>
    eventually(
      async () => {
        if (!log().includes(sentence)) throw new Error(`the log does not say: ${sentence}`);
        return [kind, "went on without it"] as const;
      },
      { timeoutMs: 20_000, everyMs: 250 },
    );
  return [
    // An answer of Unimplemented leaves what is issued as it is, and no agent has asked for this attestor.
    ["server/CredentialComposer", "issued with it"],
    ["server/NodeAttestor", "loaded and configured"],
    await said("server/BundlePublisher", () => server.log, `bundlepublisher(${name}): ${unimplemented}`),
    await said("agent/WorkloadAttestor", () => agent.log, `workloadattestor(${name}): ${unimplemented}`),
    await said("agent/SVIDStore", () => agent.log, `svidstore(${name}): ${unimplemented}`),
  ];
}

/** What daemons cannot do without: they do not come to serve, and say whose fault it is. */
async function useUnbearable(program: string): Promise<readonly (readonly [string, string])[]> {
  const ended: (readonly [string, string])[] = [];
  for (const kind of pluginKinds) {
    const refusal = refusalOf(kind);
    if (refusal === undefined) continue;
    await using deployment = await Deployment.create({
      ...(kind.side === "server" && {
        serverPlugins: (folder) => insteadOf(kind, block(program, kind), serverPlugins(folder, "")),
      }),
      ...(kind.side === "agent" && {
        agentPlugins: (folder) =>
          insteadOf(
            kind,
            block(program, kind),
            agentPlugins(folder, '  NodeAttestor "join_token" { plugin_data {} }'),
          ),
      }),
    });
    if (kind.side === "agent") await deployment.startServer();
    const start = kind.side === "server" ? deployment.startServer() : deployment.startAgent("");
    const started = start.then(
      () => true,
      () => false,
    );
    const log = await eventually(
      async () => {
        const { log = "" } = (kind.side === "server" ? deployment.server : deployment.agent) ?? {};
        if (!log.includes(refusal)) throw new Error(`"${refusal}" is not in the log: ${log.slice(-2000)}`);
        return log;
      },
      { timeoutMs: 20_000, everyMs: 100 },
    );
    checkLoaded(log, kind);
    await deployment[Symbol.asyncDispose]();
    if (await started) throw new Error(`a ${kind.side} runs with the template of a ${kind.type}`);
    ended.push([addressOf(kind), `"${refusal}"`]);
  }
  return ended;
}

/** What a daemon says that cannot serve with a template for this; undefined: it serves. */
function refusalOf({ side, type }: PluginKind): string | undefined {
  const needed =
    side === "server" ? ["KeyManager", "UpstreamAuthority", "Notifier"] : ["KeyManager", "NodeAttestor"];
  return needed.includes(type) ? `${type.toLowerCase()}(${name}): ${unimplemented}` : undefined;
}

/** The blocks with this one in place of the built-in of its type, if there is one that must not stay. */
function insteadOf({ type }: PluginKind, replacement: string, blocks: string): string {
  const others = blocks.split("\n").filter((line) => !line.trimStart().startsWith(`${type} "`));
  return [...others, replacement].join("\n");
}

function block(program: string, kind: PluginKind): string {
  const keys = launchKeys({ file: program, args: [addressOf(kind)] });
  return `  ${kind.type} "${name}" {\n    ${keys}\n    plugin_data {}\n  }`;
}

function checkLoaded(log: string, { side, type }: PluginKind): void {
  for (const message of ["Configured plugin", "Plugin loaded"]) {
    const parts = [`msg="${message}"`, `plugin_name=${name}`, `plugin_type=${type}`];
    if (!log.split("\n").some((line) => parts.every((part) => line.includes(part))))
      throw new Error(`the ${side} does not say "${message}" of the ${type}: ${log.slice(-2000)}`);
  }
}

/** Asks each RPC twice: before it is configured and then. @returns how those in the end were answered. */
async function askTemplate(program: string, kind: PluginKind): Promise<readonly string[]> {
  const definition = definitions[addressOf(kind)];
  if (definition === undefined) throw new TypeError(`no service of ${addressOf(kind)} is known`);
  await using plugin = await startPluginProcess(program, kind.type, {
    args: [addressOf(kind)],
    metrics: true,
    log: "ignore",
  });
  const { fullName } = definition;
  if (!plugin.services.includes(fullName)) throw new Error(`the template does not offer ${fullName}`);
  const before = await askAll(definition, plugin.channel);
  if (!before.includes("FailedPrecondition: not configured"))
    throw new Error(`${addressOf(kind)} does not want a configuration: ${before.join("; ")}`);
  await createClient(ConfigDefinition, plugin.channel).configure({
    coreConfiguration: { trustDomain: "example.org" },
    hclConfiguration: "",
  });
  const answers = await askAll(definition, plugin.channel);
  const others = answers.filter((answer) => !/^Unimplemented: .*not implemented$/.test(answer));
  if (others.length > 0) throw new Error(`${addressOf(kind)} answers ${others.join("; ")}`);
  const took = await plugin.shutdown();
  if (took > 2000) throw new Error(`${addressOf(kind)} took ${took} ms to end`);
  return answers;
}

type AnyMethod = (request: object) => Promise<unknown> | AsyncIterable<unknown>;

async function askAll(definition: ServiceDefinition, channel: Channel): Promise<readonly string[]> {
  const client = createClient(definition, channel) as unknown as Readonly<Record<string, AnyMethod>>;
  const answers: string[] = [];
  for (const [method, { requestStream, responseStream }] of Object.entries(definition.methods)) {
    try {
      const answer = client[method]?.(requestStream ? { deadlineMs: 5000 } : {});
      if (responseStream) await Array.fromAsync(answer as AsyncIterable<unknown>);
      else await answer;
      answers.push(`OK to ${method}`);
    } catch (error) {
      const { code, message } = StatusError.from(error);
      if (code === Code.Unavailable) throw error;
      answers.push(`${codeName(code)}: ${message}`);
    }
  }
  return answers;
}
