import { join } from "node:path";
import { spireCommand } from "./binaries.ts";
import type { DeploymentOptions } from "./deployment.ts";

const root = join(import.meta.dirname, "..", "..");
const peers = { server: spireCommand("spire-server"), agent: spireCommand("spire-agent") };

/** Why tests with SPIRE's own programs cannot run; false when they can. */
export const noSpire: string | false =
  peers.server === undefined ? "SPIRE_BIN_DIR names no folder with SPIRE's programs" : false;

/** Whose program runs, and whose plugin it loads. */
export interface Side {
  readonly program: "finial" | "spire";
  readonly plugin: "finial" | "spire";
}

export const ours: Side = { program: "finial", plugin: "finial" };
export const oursInSpire: Side = { program: "spire", plugin: "finial" };
export const theirs: Side = { program: "spire", plugin: "spire" };

/** Why a test with these sides cannot run; false when it can. */
export function skipOf(...sides: readonly Side[]): string | false {
  return sides.some(({ program }) => program === "spire") && noSpire;
}

/** What a deployment of these sides is run as. */
export function commandsOf(
  server: Side,
  agent: Side,
): Pick<DeploymentOptions, "serverCommand" | "agentCommand"> {
  return {
    ...(server.program === "spire" && peers.server && { serverCommand: peers.server }),
    ...(agent.program === "spire" && peers.agent && { agentCommand: peers.agent }),
  };
}

/**
 * A plugin block; SPIRE is told where ours is, and has its own without that.
 *
 * @param head such as `KeyManager "disk"`.
 * @param place the plugin's folder below `plugins`.
 */
export function pluginBlock(head: string, place: string, { program, plugin }: Side, data: string): string {
  const bundle = join(root, "plugins", place, "dist", "plugin.mjs");
  const command =
    program === "spire" && plugin === "finial"
      ? `plugin_cmd = "${process.execPath}" plugin_args = ["${bundle}"]`
      : "";
  return `  ${head} {\n    ${command}\n    plugin_data {\n${data}\n    }\n  }\n`;
}

/** The plugins every server needs, and more. @param folder the server's. */
export const serverPlugins = (folder: string, more: string): string => `
  DataStore "sql" {
    plugin_data { database_type = "sqlite3" connection_string = "${folder}/datastore.sqlite3" }
  }
  KeyManager "disk" { plugin_data { keys_path = "${folder}/keys.json" } }
  NodeAttestor "join_token" { plugin_data {} }
${more}`;

/** The plugins every agent needs, and its node attestor. @param folder the agent's. */
export const agentPlugins = (folder: string, nodeAttestor: string): string => `
  KeyManager "disk" { plugin_data { directory = "${folder}" } }
  WorkloadAttestor "unix" { plugin_data {} }
${nodeAttestor}`;
