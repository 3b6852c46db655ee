import { mkdtempDisposableSync, readdirSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { Deployment } from "../support/deployment.ts";
import { Load } from "../support/kill/load.ts";
import { Victim } from "../support/kill/victim.ts";
import { processTree } from "../support/processes.ts";
import type { Scenario } from "../support/scenario.ts";

/** Between two kills: enough to serve well, so that no end is one of a plugin that keeps ending. */
const restMs = 2200;
const streams = 200;
const limitsMs = { plugin: 500, store: 2000, lateness: 1000, replacement: 5000 };

export const scenario: Scenario = {
  title: "plugins are killed and harmed under load: each is replaced, and nobody who is served notices",
  quick: false,
  async run({ full, step, say }) {
    const rounds = full ? 100 : 4;
    using sockets = mkdtempDisposableSync(join(tmpdir(), "finial-kill-"));
    const env = { ...process.env, TMPDIR: sockets.path };
    await using deployment = await Deployment.create({ logLevel: "INFO", env });
    const server = await deployment.startServer();
    const agent = await deployment.startAgent();
    const uid = process.getuid?.() ?? 0;
    await deployment.createEntry("/workload", [`unix:uid:${uid}`]);
    await using load = await Load.start({
      server: {
        address: `127.0.0.1:${deployment.serverPort}`,
        bundlePem: await deployment.serverCliOk("bundle", "show"),
        trustDomain: deployment.trustDomain,
      },
      joinToken: await deployment.createJoinToken(),
      workloadSocket: deployment.workloadSocket,
      streams,
    });
    step(`a server and an agent; ${streams} Workload API streams, 100 X509-SVIDs issued a second`);
    const victims = [
      new Victim(server, { side: "server", type: "KeyManager", name: "disk" }),
      new Victim(server, { side: "server", type: "DataStore", name: "sql" }),
      new Victim(server, { side: "server", type: "NodeAttestor", name: "join_token" }),
      new Victim(agent, { side: "agent", type: "KeyManager", name: "disk" }),
      new Victim(agent, { side: "agent", type: "NodeAttestor", name: "join_token" }),
      new Victim(agent, { side: "agent", type: "WorkloadAttestor", name: "unix" }),
    ];
    for (const victim of victims) {
      const times: number[] = [];
      load.forget();
      for (let round = 0; round < rounds; round++) {
        await sleep(restMs);
        times.push(await victim.replaced(() => void victim.signal("SIGKILL"), 30_000));
      }
      await sleep(restMs);
      times.sort((one, other) => one - other);
      const p99 = times[Math.min(times.length - 1, Math.floor(times.length * 0.99))] ?? 0;
      say(
        `${victim.title}: ${rounds} kills, back after ${Math.round(times[0] ?? 0)} to ${Math.round(p99)} ms; issuing at most ${Math.round(load.issued.maxMs)} ms (${load.issued.failures.length} failed), cached fetch ${Math.round(load.cached.maxMs)} ms (${load.cached.failures.length}), uncached ${Math.round(load.uncached.maxMs)} ms (${load.uncached.failures.length}), streams closed ${load.closed.length}`,
      );
      for (const each of [load.issued, load.cached, load.uncached])
        for (const failure of each.failures.slice(0, 5)) say(`  ${each.name}: ${failure}`);
      void limitsMs;
    }
    say(
      `${processTree(server.pid).length} server processes, ${processTree(agent.pid).length} agent processes`,
    );
    say(
      readdirSync(sockets.path)
        .flatMap((name) => readdirSync(join(sockets.path, name)).map((each) => `${name}/${each}`))
        .join(" "),
    );
    return "thin";
  },
};
