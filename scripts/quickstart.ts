import { X509Certificate } from "node:crypto";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { finialCommand } from "../test/support/binaries.ts";
import { Deployment } from "../test/support/deployment.ts";
import { isInterrupted } from "../test/support/interruption.ts";
import { listProcesses } from "../test/support/processes.ts";

/** A row of the plugin table, from the daemons' own "Plugin loaded" lines. */
interface PluginRow {
  readonly daemon: string;
  readonly type: string;
  readonly name: string;
  readonly pid: number;
  readonly version: string;
  readonly state: string;
}

const uid = process.getuid?.() ?? 0;
const bold = (text: string): string => (process.stdout.isTTY ? `\u001b[1m${text}\u001b[0m` : text);
const startedAt = performance.now();
let steps = 0;

function step(text: string): void {
  const seconds = ((performance.now() - startedAt) / 1000).toFixed(1).padStart(5);
  console.log(`${seconds} s  ${bold(`${++steps}. ${text}`)}`);
}

function say(text: string): void {
  for (const line of text.split("\n")) console.log(`           ${line}`);
}

function pluginRows(deployment: Deployment): PluginRow[] {
  return [deployment.server, deployment.agent].flatMap((daemon) =>
    (daemon?.log ?? "")
      .split("\n")
      .filter((line) => line.startsWith("{") && line.includes('"Plugin loaded"'))
      .map((line): PluginRow => {
        const fields: Record<string, unknown> = JSON.parse(line);
        const pid = Number(fields.pid);
        return {
          daemon: daemon?.name ?? "",
          type: String(fields.plugin_type),
          name: String(fields.plugin_name),
          pid,
          version: String(fields.plugin_version),
          state: listProcesses().some((process) => process.pid === pid) ? "serving" : "gone",
        };
      }),
  );
}

function printTable(rows: readonly PluginRow[]): void {
  const columns = ["daemon", "type", "name", "pid", "version", "state"] as const;
  const cells = [
    columns.map((column) => column.toUpperCase()),
    ...rows.map((row) => columns.map((column) => String(row[column]))),
  ];
  const widths = columns.map((_, index) => Math.max(...cells.map((row) => row[index]?.length ?? 0)));
  for (const row of cells)
    say(
      row
        .map((cell, index) => cell.padEnd(widths[index] ?? 0))
        .join("  ")
        .trimEnd(),
    );
}

/** Checks the files `api fetch x509 -write` made, by Node's own X.509 code, and shows them. */
function showX509Svid(folder: string, spiffeId: string): void {
  const leaf = new X509Certificate(readFileSync(join(folder, "svid.0.pem")));
  const authority = new X509Certificate(readFileSync(join(folder, "bundle.0.pem")));
  if (!leaf.verify(authority.publicKey)) throw new Error("the X509-SVID is not signed by its trust bundle");
  if (leaf.subjectAltName !== `URI:${spiffeId}`)
    throw new Error(`the X509-SVID is for ${leaf.subjectAltName}`);
  say(`SPIFFE ID    ${spiffeId}`);
  say(`issued by    ${authority.subject.replaceAll("\n", ", ")}`);
  say(`valid until  ${leaf.validToDate.toISOString()}`);
  say(
    `key          ${leaf.publicKey.asymmetricKeyType} ${leaf.publicKey.asymmetricKeyDetails?.namedCurve ?? ""}`,
  );
  say("verified     the certificate chains to the trust bundle, and names the workload");
}

function showJwtSvid(token: string): void {
  const [header = "", claims = ""] = token.split(".");
  const decode = (part: string): string =>
    JSON.stringify(JSON.parse(Buffer.from(part, "base64url").toString()));
  say(`header       ${decode(header)}`);
  say(`claims       ${decode(claims)}`);
}

async function main(args: readonly string[]): Promise<void> {
  const unknown = args.find((arg) => arg !== "--keep");
  if (unknown !== undefined) throw new Error(`unknown argument ${unknown}: there is only --keep`);
  const keep = args.includes("--keep");
  const json = 'log_format = "json"';
  // Every second, so that nobody waits for the entry; an agent asks every five unless told.
  const deployment = await Deployment.create({
    server: json,
    agent: `${json}\n  experimental { sync_interval = "1s" }`,
  });
  let kept = false;
  try {
    await tour(deployment);
    if (keep) {
      deployment.release();
      kept = true;
      printHints(deployment);
    }
  } finally {
    if (!kept) await deployment[Symbol.asyncDispose]();
  }
  if (kept) return;
  step("Everything stopped");
  const left = listProcesses().filter((process) => process.command.includes(deployment.folder));
  if (left.length > 0) throw new Error(`still running: ${left.map((process) => process.command).join("; ")}`);
  say("no process, socket or file is left behind");
}

async function tour(deployment: Deployment): Promise<void> {
  const spiffeId = `spiffe://${deployment.trustDomain}/quickstart`;
  await deployment.startServer();
  step(`The server is up, from ${deployment.serverConfigPath}`);

  await deployment.startAgent();
  step("The agent has attested with a join token");

  const rows = pluginRows(deployment);
  step(`Each capability is a process of its own (${rows.length})`);
  printTable(rows);
  if (rows.length === 0 || rows.some((row) => row.state !== "serving"))
    throw new Error("a plugin is not serving");

  await deployment.createEntry("/quickstart", [`unix:uid:${uid}`]);
  step(`Registered: processes of user ${uid} are ${spiffeId}`);

  await fetchX509(deployment);
  step("Fetched over the Workload API: an X509-SVID");
  showX509Svid(deployment.folder, spiffeId);

  const jwt = await deployment.agentCliOk("api", "fetch", "jwt", "-audience", "demo", "-output", "json");
  const token = /"svid":\s*"([^"]+)"/.exec(jwt)?.[1];
  if (token === undefined) throw new Error(`no JWT-SVID in ${jwt}`);
  await deployment.agentCliOk("api", "validate", "jwt", "-audience", "demo", "-svid", token);
  step("Fetched over the Workload API: a JWT-SVID");
  showJwtSvid(token);
  say("verified     signature, audience and expiry, against the JWT bundle");
}

/** The entry reaches the agent with its next sync; until then the Workload API says that there is no identity. */
async function fetchX509(deployment: Deployment): Promise<void> {
  const deadline = performance.now() + 15_000;
  for (;;) {
    const result = await deployment.agentCli("api", "fetch", "x509", "-silent", "-write", deployment.folder);
    if (result.status === 0) return;
    if (performance.now() > deadline) throw new Error(`no X509-SVID: ${result.stderr}`);
  }
}

function printHints(deployment: Deployment): void {
  const server = finialCommand("finial-server").join(" ");
  const agent = finialCommand("finial-agent").join(" ");
  step("It goes on running. Try");
  say(`${agent} api fetch x509 -socketPath ${deployment.workloadSocket}`);
  say(`${agent} api watch -socketPath ${deployment.workloadSocket}`);
  say(`${server} entry show -socketPath ${deployment.serverSocket}`);
  say(`${server} agent list -socketPath ${deployment.serverSocket}`);
  say(`less ${deployment.server?.logFile} ${deployment.agent?.logFile}`);
  const pids = [deployment.agent?.pid, deployment.server?.pid];
  const gone = pids.map((pid) => `tail --pid=${pid} -f /dev/null`).join("; ");
  say(`kill ${pids.join(" ")}; ${gone}; rm -r ${deployment.folder}     # ends it`);
}

try {
  await main(process.argv.slice(2));
  console.log(`\nThe main job works. Took ${((performance.now() - startedAt) / 1000).toFixed(1)} s.`);
} catch (error) {
  const message = error instanceof Error ? error.message : String(error);
  console.error(`\nquickstart: ${isInterrupted() ? "interrupted; nothing is left behind" : message}`);
  process.exitCode = 1;
}
