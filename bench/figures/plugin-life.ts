import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { SVIDDefinition } from "@finial/proto/api/server/svid/v1/svid";
import { createClient, openChannel } from "@finial/sdk/internal";
import { Deployment } from "@finial/test/support/deployment";
import { processTree } from "@finial/test/support/processes";
import { credentials } from "@grpc/grpc-js";
import { type Figure, median } from "../figure.ts";
import { untilServing } from "../until-serving.ts";

const restarts = 9;
/** Well past the time in which the end of a plugin is held against it. */
const pauseMs = 2500;
const starts = 3;
const notifiers = 5;
const vendorPlugin = join(import.meta.dirname, "../../test/plugin/dist/plugin.mjs");

/** How long a plugin is missed that was killed, and how long eight take together to their first calls. */
export async function measurePluginLives(): Promise<readonly Figure[]> {
  return [...(await measureRestarts()), ...(await measureStarts())];
}

/** From the SIGKILL of the KeyManager to a token that another process of it has signed: asked for at once, it waits. */
async function measureRestarts(): Promise<readonly Figure[]> {
  await using deployment = await Deployment.create({ logLevel: "INFO" });
  const server = await deployment.startServer();
  using channel = openChannel(`unix:${deployment.serverSocket}`, credentials.createInsecure());
  const svids = createClient(SVIDDefinition, channel);
  const mint = () =>
    svids.mintJWTSVID(
      { id: { trustDomain: deployment.trustDomain, path: "/bench" }, audience: ["bench"] },
      { deadlineMs: 10_000 },
    );
  await mint();
  const times: number[] = [];
  for (let time = 0; time < restarts; time++) {
    await sleep(pauseMs);
    const plugin = processTree(server.pid).find(({ command }) => command.includes("/keymanager/disk/"));
    if (plugin === undefined) throw new Error("the key manager does not run");
    const startedAt = performance.now();
    process.kill(plugin.pid, "SIGKILL");
    await mint();
    times.push(performance.now() - startedAt);
  }
  return [
    { name: "plugin_restart_ms", value: median(times), unit: "ms" },
    { name: "plugin_restart_most_ms", value: Math.max(...times), unit: "ms" },
  ];
}

/** From the start of a server with eight plugins to the first good answer of its health, which asks the store. */
async function measureStarts(): Promise<readonly Figure[]> {
  const times: number[] = [];
  for (let time = 0; time < starts; time++) {
    await using deployment = await Deployment.create({ logLevel: "INFO", serverPlugins: eightPlugins });
    const startedAt = performance.now();
    await untilServing(deployment.launchServer(), deployment.serverSocket);
    times.push(performance.now() - startedAt);
  }
  return [{ name: "eight_plugins_ready_ms", value: median(times), unit: "ms" }];
}

function eightPlugins(folder: string): string {
  const notifier = (index: number): string => `
  Notifier "notifier_${index}" {
    plugin_cmd = "${vendorPlugin}"
    plugin_args = ["server/Notifier"]
    plugin_mtls = true
    plugin_data { word = "bench" }
  }`;
  return `
  DataStore "sql" {
    plugin_data { database_type = "sqlite3" connection_string = "${folder}/datastore.sqlite3" }
  }
  KeyManager "disk" { plugin_data { keys_path = "${folder}/keys.json" } }
  NodeAttestor "join_token" { plugin_data {} }
  ${Array.from({ length: notifiers }, (_, index) => notifier(index)).join("")}`;
}
