import { mkdtempDisposableSync, readdirSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import type { ServerAddress } from "../support/attested-client.ts";
import type { Daemon } from "../support/daemon.ts";
import { Deployment } from "../support/deployment.ts";
import { eventually } from "../support/eventually.ts";
import { Latencies } from "../support/kill/latencies.ts";
import { Load } from "../support/kill/load.ts";
import { provoke, unruly } from "../support/kill/unruly.ts";
import { Victim } from "../support/kill/victim.ts";
import { freePort } from "../support/ports.ts";
import { processTree } from "../support/processes.ts";
import type { Scenario, ScenarioContext } from "../support/scenario.ts";

/** Between two kills: enough to serve well, so that no end is one of a plugin that keeps ending. */
const restMs = 2200;
const streams = 200;
const limits = {
  /** From a kill to another process that serves. */
  recoveryMs: 500,
  storeRecoveryMs: 2000,
  /** How much later an SVID may come that has to be made. */
  latenessMs: 1000,
  /** From something no plugin may do to another process. */
  replacementMs: 5000,
  /** How much slower others may be meanwhile; less than so many milliseconds cannot be told from chance. */
  slowdown: 1.2,
  noiseMs: 20,
};

export const scenario: Scenario = {
  title:
    "plugins are killed, stopped and unruly under load: each is replaced, and nobody who is served notices",
  quick: false,
  async run(context) {
    const { full, step } = context;
    const kills = full ? 100 : 5;
    using sockets = mkdtempDisposableSync(join(tmpdir(), "finial-kill-"));
    const env = { ...process.env, TMPDIR: sockets.path };
    const healthPort = await freePort();
    const recoveries: string[] = [];
    {
      await using deployment = await Deployment.create({
        logLevel: "INFO",
        env,
        serverPlugins: (folder) => `
  DataStore "sql" { plugin_data { database_type = "sqlite3" connection_string = "${folder}/datastore.sqlite3" } }
  KeyManager "disk" { plugin_data { keys_path = "${folder}/keys.json" } }
  NodeAttestor "join_token" { plugin_data {} }
  ${unruly.block}`,
        server: `}\nhealth_checks { listener_enabled = true bind_address = "127.0.0.1" bind_port = "${healthPort}"`,
      });
      const server = await deployment.startServer();
      const agent = await deployment.startAgent();
      await deployment.createEntry("/workload", [`unix:uid:${process.getuid?.()}`]);
      const address: ServerAddress = {
        address: `127.0.0.1:${deployment.serverPort}`,
        bundlePem: await deployment.serverCliOk("bundle", "show"),
        trustDomain: deployment.trustDomain,
      };
      await using load = await Load.start({
        server: address,
        joinToken: await deployment.createJoinToken(),
        workloadSocket: deployment.workloadSocket,
        streams,
      });
      step(`a server and an agent; ${streams} Workload API streams, 100 X509-SVIDs issued a second`);
      await sleep(restMs);
      const calm = await measure(load.issued, () => sleep(5000));
      for (const victim of victimsOf(server, agent)) {
        const p99 = await killOften(victim, kills, load, context);
        recoveries.push(`${victim.title} ${Math.round(p99)} ms`);
      }
      step(`killed each of their plugins ${kills} times`);

      const plugin = new Victim(server, { ...unrulyAddress, mark: unruly.mark });
      await harmInEveryWay(plugin, address, { load, calm }, context);
      step("had one stopped, flood the log and standard output, and send a message of 1 GiB");

      const looping = new Victim(server, { side: "server", type: "NodeAttestor", name: "join_token" });
      await keepKilling(looping, healthPort, context);
      step("killed one again and again: the server was not ready, and lived");
      requireUnharmed(load);
      requireNothingLeft(server, agent, sockets.path, context);
    }
    await loseKeys(env, context);
    step("killed key managers that keep their keys in memory: new authorities, and a new SVID of the agent");
    const left = readdirSync(sockets.path);
    if (left.length > 0) throw new Error(`left behind: ${left.join(", ")}`);
    return `${kills} kills of each plugin${full ? "" : " (100 with --full)"}, p99 until another served: ${recoveries.join(", ")}; 0 streams closed, 0 calls failed, 0 orphans, 0 sockets left`;
  },
};

const unrulyAddress = { side: "server", type: "NodeAttestor", name: "unruly" };

function victimsOf(server: Daemon, agent: Daemon): readonly Victim[] {
  return [
    new Victim(server, { side: "server", type: "KeyManager", name: "disk" }),
    new Victim(server, { side: "server", type: "DataStore", name: "sql" }),
    new Victim(server, { side: "server", type: "NodeAttestor", name: "join_token" }),
    new Victim(agent, { side: "agent", type: "KeyManager", name: "disk" }),
    new Victim(agent, { side: "agent", type: "NodeAttestor", name: "join_token" }),
    new Victim(agent, { side: "agent", type: "WorkloadAttestor", name: "unix" }),
  ];
}

/** @returns the 99th percentile of the times until another process served, in milliseconds. */
async function killOften(
  victim: Victim,
  kills: number,
  load: Load,
  { say }: ScenarioContext,
): Promise<number> {
  const recovered = new Latencies(victim.title);
  load.forget();
  for (let kill = 0; kill < kills; kill++) {
    await sleep(restMs);
    await recovered.time(async () => {
      await victim.replaced(() => void victim.signal("SIGKILL"), { limitMs: 30_000 });
    });
  }
  await sleep(restMs);
  const p99 = recovered.quantile(0.99);
  say(
    `${victim.title}: back after ${Math.round(recovered.quantile(0.5))} ms, p99 ${Math.round(p99)} ms; ` +
      `${load.issued.count} calls for SVIDs, the longest ${Math.round(load.issued.maxMs)} ms; ` +
      `${load.cached.count} fetches of a cached one, the longest ${Math.round(load.cached.maxMs)} ms; ` +
      `${load.uncached.count} of an uncached one, the longest ${Math.round(load.uncached.maxMs)} ms`,
  );
  requireNone(recovered.failures);
  requireUnharmed(load);
  const isStore = victim.title.includes("DataStore");
  const limitMs = isStore ? limits.storeRecoveryMs : limits.recoveryMs;
  if (p99 > limitMs) throw new Error(`${victim.title} came back after ${Math.round(p99)} ms, not ${limitMs}`);
  const lateMs = limits.latenessMs + (isStore ? limits.storeRecoveryMs - limits.recoveryMs : 0);
  if (load.uncached.maxMs > lateMs)
    throw new Error(`an SVID that had to be made took ${Math.round(load.uncached.maxMs)} ms`);
  return p99;
}

/** The 99th percentile of what happens meanwhile, in milliseconds. */
async function measure(latencies: Latencies, work: () => Promise<unknown>): Promise<number> {
  latencies.forget();
  await work();
  return latencies.quantile(0.99);
}

async function harmInEveryWay(
  plugin: Victim,
  server: ServerAddress,
  { load, calm }: { readonly load: Load; readonly calm: number },
  { say }: ScenarioContext,
): Promise<void> {
  const ways: readonly (readonly [deed: string, harm: () => void, since?: string])[] = [
    ["SIGSTOP", () => void plugin.signal("SIGSTOP")],
    ["log flood", () => void provoke(server, "log flood")],
    ["garbage on stdout", () => void provoke(server, "garbage on stdout")],
    // It takes the plugin seconds to make one: what counts is the time from its arrival.
    ["message of 1 GiB", () => void provoke(server, "message of 1 GiB"), "Plugin is ended"],
  ];
  const p99 = await measure(load.issued, async () => {
    for (const [deed, harm, since] of ways) {
      await sleep(restMs);
      const replacedMs = await plugin.replaced(harm, {
        limitMs: 60_000,
        ...(since !== undefined && { since }),
      });
      const why = /error="([^"]*)"/.exec(plugin.lines("Plugin is ended").at(-1) ?? "")?.[1];
      if (why === undefined) throw new Error(`the log does not say why the plugin was ended after ${deed}`);
      say(`${deed}: replaced after ${ms(replacedMs)} ("${why}")`);
      if (replacedMs > limits.replacementMs)
        throw new Error(`after ${deed} it took ${ms(replacedMs)} to replace it`);
      const answer = await provoke(server, "nothing");
      if (answer !== "challenge") throw new Error(`after ${deed} the plugin answers: ${answer}`);
    }
  });
  say(`issuing by the others meanwhile: p99 ${ms(p99)}; before: ${ms(calm)}`);
  if (p99 > Math.max(calm * limits.slowdown, calm + limits.noiseMs))
    throw new Error("others were slowed down by an unruly plugin");
}

/** Each as soon as it is there, for three seconds. */
async function keepKilling(victim: Victim, healthPort: number, { say }: ScenarioContext): Promise<void> {
  const statusOf = async (path: string): Promise<{ readonly status: number; readonly text: string }> => {
    const response = await fetch(`http://127.0.0.1:${healthPort}${path}`);
    return { status: response.status, text: await response.text() };
  };
  const end = performance.now() + 3000;
  let kills = 0;
  let unready = "";
  while (performance.now() < end || unready === "") {
    if (performance.now() > end + 20_000) throw new Error("the server was ready all the time");
    if (victim.pid !== undefined) {
      victim.signal("SIGKILL");
      kills++;
    }
    await sleep(50);
    const [ready, live] = [await statusOf("/ready"), await statusOf("/live")];
    if (live.status !== 200) throw new Error(`the server is said to be dead: ${live.text}`);
    if (ready.status === 500) unready = ready.text;
  }
  if (!unready.includes('NodeAttestor \\"join_token\\"'))
    throw new Error(`who it is is not said: ${unready}`);
  say(`${kills} kills; not ready: ${unready.trim()}`);
  await eventually(
    async () => {
      const { status, text } = await statusOf("/ready");
      if (status !== 200) throw new Error(`not ready again: ${text}`);
    },
    { timeoutMs: 45_000 },
  );
}

/** Key managers whose keys go with them. */
async function loseKeys(env: NodeJS.ProcessEnv, { say }: ScenarioContext): Promise<void> {
  await using deployment = await Deployment.create({
    logLevel: "INFO",
    env,
    serverPlugins: (folder) => `
  DataStore "sql" { plugin_data { database_type = "sqlite3" connection_string = "${folder}/datastore.sqlite3" } }
  KeyManager "memory" { plugin_data {} }
  NodeAttestor "join_token" { plugin_data {} }`,
    agentPlugins: () => `
  KeyManager "memory" { plugin_data {} }
  NodeAttestor "join_token" { plugin_data {} }
  WorkloadAttestor "unix" { plugin_data {} }`,
  });
  const server = await deployment.startServer();
  const agent = await deployment.startAgent();
  for (const [daemon, side, renewed] of [
    [server, "server", "X509 CA activated"],
    [agent, "agent", "Successfully rotated agent SVID"],
  ] as const) {
    const victim = new Victim(daemon, { side, type: "KeyManager", name: "memory" });
    const renewals = (): number => daemon.log.split(renewed).length;
    const before = renewals();
    const startedAt = performance.now();
    await victim.replaced(() => void victim.signal("SIGKILL"), { limitMs: 30_000 });
    await eventually(
      async () => {
        if (renewals() === before) throw new Error(`the ${side} did nothing about its lost keys`);
      },
      { timeoutMs: 10_000 },
    );
    if (!daemon.log.includes("Key manager came back without its keys"))
      throw new Error(`the ${side} does not say that its keys are gone`);
    say(`${side}: "${renewed}" ${ms(performance.now() - startedAt)} after the kill`);
  }
  await deployment.serverCliOk("x509", "mint", "-spiffeID", `spiffe://${deployment.trustDomain}/minted`);
}

function requireUnharmed({ closed, issued, cached, uncached }: Load): void {
  requireNone(closed);
  for (const { name, failures } of [issued, cached, uncached])
    requireNone(failures.map((failure) => `${name}: ${failure}`));
}

function requireNone(failures: readonly string[]): void {
  if (failures.length > 0) throw new Error(`${failures.length} failures, ${failures.slice(0, 3).join("; ")}`);
}

/** A process for each plugin, and a folder for each process. */
function requireNothingLeft(server: Daemon, agent: Daemon, sockets: string, { say }: ScenarioContext): void {
  const processes = [...processTree(server.pid), ...processTree(agent.pid)].length;
  const folders = readdirSync(sockets).flatMap((name) =>
    readdirSync(join(sockets, name)).filter((each) => each !== "alive" && !each.startsWith("compiled-")),
  );
  say(`${processes} processes, ${folders.length} folders of sockets`);
  if (processes !== 9)
    throw new Error(`${processes} processes where there are two daemons and seven plugins`);
  if (folders.length !== 7) throw new Error(`${folders.length} folders of sockets for seven plugins`);
}

function ms(value: number): string {
  return `${Math.round(value)} ms`;
}
