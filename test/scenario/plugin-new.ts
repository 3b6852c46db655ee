import { cpSync, existsSync, readFileSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { toPem } from "@finial/sdk/crypto";
import { testCa } from "@finial/sdk/testing";
import { Folder, runScript } from "../packaging/packaged.ts";
import { finialCommand } from "../support/binaries.ts";
import { type Finished, runCommand } from "../support/child.ts";
import { Deployment } from "../support/deployment.ts";
import { eventually } from "../support/eventually.ts";
import { type Scenario, type ScenarioContext, Skipped } from "../support/scenario.ts";

/** Every type there is a template of, with the `plugin_data` to serve with; DATA is a folder of the deployment's. */
const types: readonly (readonly [side: "server" | "agent", type: string, data: string])[] = [
  // Needs one package more than the others: what it installs is enough for all.
  ["server", "KeyManager", ""],
  ["server", "NodeAttestor", 'secret_file = "DATA/secret"'],
  ["server", "UpstreamAuthority", 'cert_file = "DATA/root.pem" key_file = "DATA/root.key"'],
  ["server", "CredentialComposer", 'organizational_unit = "Begun"'],
  ["server", "Notifier", 'path = "DATA/notified.pem"'],
  ["server", "BundlePublisher", 'path = "DATA/published.pem"'],
  ["agent", "KeyManager", ""],
  ["agent", "NodeAttestor", 'agent_name = "a" secret_file = "DATA/secret"'],
  ["agent", "WorkloadAttestor", "with_group = false"],
  ["agent", "SVIDStore", 'directory = "DATA"'],
];
const name = "begun";
const limitSeconds = 120;
/** `npm` and plugins find this Node, as an author's find theirs. */
const env = {
  ...process.env,
  PATH: `${dirname(process.execPath)}:${process.env.PATH}`,
  NODE_TEST_CONTEXT: undefined,
};

export const scenario: Scenario = {
  title:
    "finial plugin new writes a plugin of each type that builds, passes its tests and serves in running daemons",
  quick: false,
  needs: ["openssl"],
  async run(context) {
    using folder = new Folder();
    const packed = folder.at("packed");
    await runScript("pack", packed, "sdk", "proto");
    context.step("packed the sdk, as it would be published");
    await refuseMistakes(folder, context);

    const slowest: number[] = [];
    for (const [index, [side, type]] of types.entries()) {
      const startedAt = performance.now();
      const to = packageOf(folder, side, type);
      const isInstalled = !context.full && index > 0;
      await finial("plugin", "new", side, type, name, "-o", to, "-sdk", packed);
      if (isInstalled)
        cpSync(join(packageOf(folder, ...firstOf(types)), "node_modules"), join(to, "node_modules"), {
          recursive: true,
        });
      else await install(to);
      const { stdout } = await npm(to, "run", "check");
      const tests = /^\S* ?pass (\d+)/m.exec(stdout)?.[1];
      if (context.full) await passKit(to);
      const seconds = (performance.now() - startedAt) / 1000;
      slowest.push(seconds);
      context.say(
        `${side} ${type}: ${tests} tests pass and it is built, ${seconds.toFixed(1)} s${isInstalled ? ", with packages installed before" : ""}`,
      );
    }
    context.step(`wrote, tested and built a plugin of each of ${types.length} types`);
    await explainMistake(folder, context);
    const serving = await serve(folder, context);
    const most = Math.max(...slowest) + serving;
    if (most > limitSeconds) throw new Error(`it took ${most.toFixed(0)} s until a plugin served`);
    return `${types.length} types, each from "plugin new" to serving in at most ${most.toFixed(1)} s`;
  },
};

function firstOf([first]: typeof types): readonly [side: string, type: string] {
  if (first === undefined) throw new TypeError("there are no types");
  return [first[0], first[1]];
}

function packageOf(folder: Folder, side: string, type: string): string {
  return folder.at(`${side}-${type}`);
}

async function finial(...args: readonly string[]): Promise<string> {
  const { status, stdout, stderr } = await runCommand([...finialCommand("finial"), ...args]);
  if (status !== 0) throw new Error(`finial ${args.join(" ")}: ${stdout}${stderr}`);
  return stdout;
}

async function npm(cwd: string, ...args: readonly string[]): Promise<Finished> {
  const result = await runCommand(["npm", ...args], { cwd, env });
  if (result.status !== 0)
    throw new Error(`npm ${args.join(" ")} in ${cwd}:\n${result.stdout}${result.stderr}`);
  return result;
}

/** @throws {Skipped} where packages cannot be had. */
async function install(cwd: string): Promise<void> {
  const { status, stderr } = await runCommand(
    ["npm", "install", "--prefer-offline", "--no-audit", "--no-fund"],
    { cwd, env },
  );
  if (status !== 0)
    throw new Skipped(`npm cannot install what a new plugin builds with: ${stderr.trim().split("\n")[0]}`);
}

async function passKit(cwd: string): Promise<void> {
  const { scripts }: { readonly scripts: Readonly<Record<string, string>> } = JSON.parse(
    readFileSync(join(cwd, "package.json"), "utf8"),
  );
  if (scripts.preconformance !== undefined) await npm(cwd, "run", "preconformance");
  const [program = "", ...args] = (scripts.conformance ?? "").split(" ");
  const { status, stdout } = await runCommand([...finialCommand("finial"), ...args], { cwd, env });
  if (program !== "finial" || status !== 0) throw new Error(`the kit fails:\n${stdout}`);
}

/** What cannot be written is refused in one sentence, and nothing is touched. */
async function refuseMistakes(folder: Folder, { step, say }: ScenarioContext): Promise<void> {
  const there = folder.at("packed");
  const cases: readonly (readonly [args: readonly string[], sentence: string])[] = [
    [["server", "KeyManger", name], 'the server has no plugin type "KeyManger"; did you mean KeyManager?'],
    [["agent", "WorkloadAttestor", "My-Plugin"], '"My-Plugin" is no name for a plugin'],
    [["agent", "WorkloadAttestor", name, "-o", there], `${there} is there already, and was not touched`],
  ];
  for (const [args, sentence] of cases) {
    const { status, stderr } = await runCommand([...finialCommand("finial"), "plugin", "new", ...args], {
      cwd: folder.path,
    });
    if (status !== 1 || !stderr.startsWith(sentence) || existsSync(folder.at(name)))
      throw new Error(`plugin new ${args.join(" ")} ended with ${status}: ${stderr}`);
    say(stderr.trim());
  }
  step(`${cases.length} mistakes are refused, each in one sentence`);
}

/** A mistake in the code is named by the types, with the line and what was meant. */
async function explainMistake(folder: Folder, { step, say }: ScenarioContext): Promise<void> {
  const cwd = packageOf(folder, "agent", "WorkloadAttestor");
  const file = join(cwd, "src", "plugin.ts");
  const sound = readFileSync(file, "utf8");
  writeFileSync(file, sound.replace("attest: async ({ pid })", "attest: async ({ pidd })"));
  const { status, stdout } = await runCommand(["npm", "run", "--silent", "types"], { cwd, env });
  writeFileSync(file, sound);
  const sentence = /^src\/plugin\.ts.*'pidd'.*$/m.exec(stdout)?.[0];
  if (status === 0 || sentence === undefined) throw new Error(`a misspelt field passes the types: ${stdout}`);
  say(sentence);
  step("a misspelt field is found by the types, with its line");
}

/** @returns seconds until all of them serve. */
async function serve(folder: Folder, { step, say }: ScenarioContext): Promise<number> {
  const startedAt = performance.now();
  const blocks = (side: string, data: string): string =>
    types
      .filter(([of]) => of === side)
      .map(
        ([, type, config]) =>
          `  ${type} "${name}" { plugin_cmd = "${join(packageOf(folder, side, type), "dist", "plugin.mjs")}" plugin_data { ${config.replaceAll("DATA", data)} } }`,
      )
      .join("\n");
  const data = folder.path;
  writeFileSync(folder.at("secret"), "correct horse battery staple");
  const root = await testCa();
  writeFileSync(folder.at("root.pem"), root.rootPem);
  writeFileSync(
    folder.at("root.key"),
    toPem("PRIVATE KEY", root.privateKey.export({ format: "der", type: "pkcs8" })),
  );
  await using deployment = await Deployment.create({
    env,
    agent: '  experimental { sync_interval = "1s" }',
    serverPlugins: (own) => `
  DataStore "sql" { plugin_data { database_type = "sqlite3" connection_string = "${own}/datastore.sqlite3" } }
${blocks("server", data)}`,
    agentPlugins: () => `\n${blocks("agent", data)}`,
  });
  await deployment.startServer();
  await deployment.startAgent("");
  const parent = `spiffe://${deployment.trustDomain}/spire/agent/${name}/a`;
  const create = (path: string, ...flags: readonly string[]): Promise<string> =>
    deployment.serverCliOk(
      "entry",
      "create",
      "-parentID",
      parent,
      "-spiffeID",
      `spiffe://${deployment.trustDomain}${path}`,
      ...flags,
    );
  await create("/web", "-selector", `${name}:uid:${process.geteuid?.()}`);
  await create("/db", "-storeSVID", "-selector", `${name}:name:db`);
  await eventually(() => deployment.agentCliOk("api", "fetch", "x509", "-write", data), {
    timeoutMs: 30_000,
    everyMs: 250,
  });
  await eventually(
    async () => {
      for (const file of ["db.pem", "notified.pem", "published.pem"])
        if (!existsSync(folder.at(file))) throw new Error(`${file} is not there`);
    },
    { timeoutMs: 30_000, everyMs: 250 },
  );
  const seconds = (performance.now() - startedAt) / 1000;
  const verified = await runCommand([
    "openssl",
    "x509",
    "-noout",
    "-subject",
    "-in",
    folder.at("svid.0.pem"),
  ]);
  if (!/OU ?= ?Begun/.test(verified.stdout))
    throw new Error(`the composer did not compose: ${verified.stdout}`);
  if (!readFileSync(folder.at("notified.pem"), "utf8").includes(root.rootPem))
    throw new Error("the bundle is not that of the upstream authority");
  step(`all ${types.length} serve in one server and one agent, ${seconds.toFixed(1)} s`);
  say(`an X.509-SVID for a workload: ${verified.stdout.trim()}`);
  return seconds;
}
