import { basename } from "node:path";
import { type Plugin, serve } from "@finial/sdk";
import { agentNodeAttestor } from "./agent-nodeattestor.ts";
import { bundlePublisher } from "./bundlepublisher.ts";
import { credentialComposer } from "./credentialcomposer.ts";
import { nodeAttestor } from "./nodeattestor.ts";
import { notifier } from "./notifier.ts";
import { svidStore } from "./svidstore.ts";
import { upstreamAuthority } from "./upstreamauthority.ts";
import { workloadAttestor } from "./workloadattestor.ts";

/** A plugin of each type but the key managers, which Finial has itself. The argument says which is served. */
const plugins: readonly Plugin[] = [
  nodeAttestor,
  upstreamAuthority,
  credentialComposer,
  notifier,
  bundlePublisher,
  agentNodeAttestor,
  workloadAttestor,
  svidStore,
];

const addressOf = ({ type }: Plugin): string => `${type.side}/${type.name}`;
const [, program = "", wanted] = process.argv;
const plugin = plugins.find((one) => addressOf(one) === wanted);
if (plugin === undefined) {
  console.error(`usage: ${basename(program)} ${plugins.map(addressOf).join("|")}`);
  process.exit(2);
}
await serve(plugin);
