import { setTimeout as sleep } from "node:timers/promises";
import { EntryDefinition } from "@finial/proto/api/server/entry/v1/entry";
import { Entry } from "@finial/proto/api/types/entry";
import { createClient, openChannel } from "@finial/sdk/internal";
import { credentials } from "@grpc/grpc-js";
import { Deployment } from "../support/deployment.ts";
import { listProcesses, processTree } from "../support/processes.ts";
import type { Scenario } from "../support/scenario.ts";

/** How long a child may outlive a killed server. */
const orphanLimitMs = 1000;
const writers = 3;
const entriesPerCall = 5;

export const scenario: Scenario = {
  title:
    "a server killed with SIGKILL during entry creation keeps each acknowledged entry, and leaves no child behind",
  quick: true,
  async run({ full, step, say }) {
    const kills = full ? 50 : 5;
    await using deployment = await Deployment.create();
    const acknowledged = new Map<string, string>();
    let server = await deployment.startServer();
    let worstOrphanMs = 0;
    for (let round = 1; round <= kills; round++) {
      const before = acknowledged.size;
      const tree = processTree(server.pid).map(({ pid }) => pid);
      const killed = new AbortController();
      const writing = Array.from({ length: writers }, (_, writer) =>
        writeUntil(killed.signal, deployment, `/r${round}/w${writer}`, acknowledged),
      );
      await sleep(200 + Math.random() * 800);
      killed.abort();
      await server.kill();
      worstOrphanMs = Math.max(worstOrphanMs, await waitUntilGone(tree));
      await Promise.all(writing);
      if (acknowledged.size === before) throw new Error(`no write was acknowledged before kill ${round}`);

      server = await deployment.startServer();
      await checkAllThere(deployment, acknowledged);
      if (round % 10 === 0 || round === kills)
        say(`${round} kills and restarts, ${acknowledged.size} entries acknowledged so far, all there`);
    }
    step(`killed ${kills} times while ${writers} clients created entries`);
    if (worstOrphanMs > orphanLimitMs)
      throw new Error(`a child outlived its server by ${worstOrphanMs.toFixed(0)} ms`);
    return `${kills} kills, ${acknowledged.size} acknowledged entries, 0 lost; children gone within ${worstOrphanMs.toFixed(0)} ms`;
  },
};

/** Creates entries call after call until the server is killed; notes ID and path of those that were acknowledged. */
async function writeUntil(
  killed: AbortSignal,
  { serverSocket, trustDomain }: Deployment,
  path: string,
  acknowledged: Map<string, string>,
): Promise<void> {
  using channel = openChannel(`unix:${serverSocket}`, credentials.createInsecure());
  const client = createClient(EntryDefinition, channel);
  for (let call = 0; ; call++) {
    const entries = Array.from({ length: entriesPerCall }, (_, n) =>
      Entry.fromPartial({
        parentId: { trustDomain, path: "/node" },
        spiffeId: { trustDomain, path: `${path}/${call}/${n}` },
        selectors: [{ type: "unix", value: "uid:1000" }],
      }),
    );
    const answer = await client.batchCreateEntry({ entries }).catch((error: unknown) => {
      if (!killed.aborted) throw error;
    });
    // Which of these entries are kept is open: nobody was told of them.
    if (answer === undefined) return;
    for (const { status, entry } of answer.results) {
      if (status?.code !== 0 || entry === undefined) throw new Error(`refused: ${status?.message}`);
      acknowledged.set(entry.id, entry.spiffeId?.path ?? "");
    }
  }
}

/** @throws when an acknowledged entry is missing, or not as it was written. */
async function checkAllThere(
  { serverSocket }: Deployment,
  acknowledged: ReadonlyMap<string, string>,
): Promise<void> {
  using channel = openChannel(`unix:${serverSocket}`, credentials.createInsecure());
  const client = createClient(EntryDefinition, channel);
  const there = new Map<string, string>();
  for (let pageToken = ""; ; ) {
    const page = await client.listEntries({ pageSize: 1000, pageToken });
    for (const { id, spiffeId, selectors } of page.entries)
      if (selectors.length === 1) there.set(id, spiffeId?.path ?? "");
    pageToken = page.nextPageToken;
    if (pageToken === "") break;
  }
  const lost = [...acknowledged].filter(([id, path]) => there.get(id) !== path);
  if (lost.length > 0)
    throw new Error(`${lost.length} acknowledged entries are lost, ${lost[0]?.[1]} for one`);
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
