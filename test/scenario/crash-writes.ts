import { setTimeout as sleep } from "node:timers/promises";
import { Deployment } from "../support/deployment.ts";
import { listProcesses, processTree } from "../support/processes.ts";
import type { Scenario } from "../support/scenario.ts";

/** How long a child may outlive a killed server. */
const orphanLimitMs = 1000;

export const scenario: Scenario = {
  title:
    "a server killed with SIGKILL during entry creation keeps each acknowledged entry, and leaves no child behind",
  quick: true,
  async run({ full, step, say }) {
    const kills = full ? 50 : 5;
    await using deployment = await Deployment.create();
    const acknowledged: string[] = [];
    let worstOrphanMs = 0;
    for (let round = 1; round <= kills; round++) {
      const server = await deployment.startServer();
      const tree = processTree(server.pid).map((process) => process.pid);
      const writers = Array.from({ length: 3 }, (_, writer) =>
        writeUntilRefused(deployment, `/r${round}/w${writer}`, acknowledged),
      );
      await sleep(400 + Math.random() * 800);
      await server.kill();
      worstOrphanMs = Math.max(worstOrphanMs, await waitUntilGone(tree));
      await Promise.all(writers);
      if (round % 10 === 0 || round === kills)
        say(`${round} kills, ${acknowledged.length} entries acknowledged so far`);
    }
    step(`killed ${kills} times while three clients created entries`);
    if (acknowledged.length < kills)
      throw new Error(`only ${acknowledged.length} writes were acknowledged: nothing was tested`);

    await deployment.startServer();
    const shown = await deployment.serverCliOk("entry", "show", "-output", "json");
    const entries: { entries: { id: string }[] } = JSON.parse(shown);
    const there = new Set(entries.entries.map((entry) => entry.id));
    const lost = acknowledged.filter((id) => !there.has(id));
    step(`after the last restart ${there.size} entries are there`);
    if (lost.length > 0) throw new Error(`${lost.length} acknowledged entries are lost, ${lost[0]} for one`);
    if (worstOrphanMs > orphanLimitMs)
      throw new Error(`a child outlived its server by ${worstOrphanMs.toFixed(0)} ms`);
    return `${kills} kills, ${acknowledged.length} acknowledged entries, 0 lost; children gone within ${worstOrphanMs.toFixed(0)} ms`;
  },
};

/** Creates entries one after the other until the server is gone; notes those that were acknowledged. */
async function writeUntilRefused(
  deployment: Deployment,
  path: string,
  acknowledged: string[],
): Promise<void> {
  for (let n = 0; ; n++) {
    const result = await deployment.serverCli(
      "entry",
      "create",
      "-parentID",
      `spiffe://${deployment.trustDomain}/node`,
      "-spiffeID",
      `spiffe://${deployment.trustDomain}${path}/${n}`,
      "-selector",
      "unix:uid:1000",
      "-output",
      "json",
    );
    if (result.status !== 0) return;
    const id = /"id":\s*"([^"]+)"/.exec(result.stdout)?.[1];
    if (id === undefined) throw new Error(`no entry ID in ${result.stdout}`);
    acknowledged.push(id);
  }
}

/** Waits until none of the processes is left; how long that took, in milliseconds. */
async function waitUntilGone(pids: readonly number[]): Promise<number> {
  const startedAt = performance.now();
  for (;;) {
    const left = listProcesses().filter((process) => pids.includes(process.pid));
    const elapsedMs = performance.now() - startedAt;
    if (left.length === 0) return elapsedMs;
    if (elapsedMs > 10 * orphanLimitMs)
      throw new Error(`still running: ${left.map((process) => process.command).join("; ")}`);
    await sleep(10);
  }
}
