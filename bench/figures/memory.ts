import { processTree, pssMib } from "@finial/test/support/processes";
import type { Figure } from "../figure.ts";
import type { Stage } from "../subject.ts";

/**
 * Memory of the server, the agent and all their plugins: the proportional set size, in which what processes share counts
 * once over all of them.
 *
 * @param when goes before the names: how much the daemons have done by now.
 */
export function measureMemory({ deployment }: Stage, when: string): readonly Figure[] {
  const daemons = [deployment.server, deployment.agent].flatMap((daemon) => daemon?.pid ?? []);
  const trees = daemons.map((pid) => processTree(pid).map((process) => pssMib(process.pid)));
  const plugins = trees.flatMap(([, ...plugins]) => plugins);
  const tree = trees.flat().reduce((total, mib) => total + mib, 0);
  return [
    ...(plugins.length === 0
      ? []
      : [{ name: `${when}plugin_pss_mib`, value: Math.max(...plugins), unit: "MiB" }]),
    { name: `${when}tree_pss_mib`, value: tree, unit: "MiB" },
  ];
}
