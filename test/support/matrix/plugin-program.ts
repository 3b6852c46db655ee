import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { buildGoProgram } from "../go-program.ts";
import { addressOf, type PluginKind } from "./kind.ts";

const root = join(import.meta.dirname, "..", "..", "..");

/** How a host is told to start a plugin. */
export interface PluginLaunch {
  readonly file: string;
  readonly args: readonly string[];
  /** Whether it is one that writes down what is asked of it; Finial's own do not. */
  readonly records: boolean;
}

/** A language's plugin of each type. */
export interface PluginPrograms {
  readonly language: "Go" | "TypeScript";
  launch(kind: Pick<PluginKind, "side" | "type">): PluginLaunch;
}

/** Plugins built with spire-plugin-sdk. @throws {Skipped} where there is no Go. */
export async function goPrograms(): Promise<PluginPrograms> {
  const file = await buildGoProgram("plugin");
  return { language: "Go", launch: (kind) => ({ file, args: [addressOf(kind)], records: true }) };
}

/** Plugins built with Finial's sdk; the key managers are Finial's own, which are started by the launcher that is shipped. */
export function typescriptPrograms(): PluginPrograms {
  const file = join(root, "test", "plugin", "dist", "plugin.mjs");
  return {
    language: "TypeScript",
    launch: (kind) =>
      kind.type === "KeyManager"
        ? builtIn(`${kind.side}/keymanager/memory`)
        : { file, args: [addressOf(kind)], records: true },
  };
}

/** One of Finial's own. @param place its folder below `plugins`. */
export function builtIn(place: string): PluginLaunch {
  return { file: join(root, "plugins", place, "dist", "plugin.mjs"), args: [], records: false };
}

/** The keys of a plugin block that say what to start, and what its SHA-256 is. */
export function launchKeys({ file, args }: Pick<PluginLaunch, "file" | "args">): string {
  const checksum = createHash("sha256").update(readFileSync(file)).digest("hex");
  const quoted = args.map((arg) => `"${arg}"`).join(", ");
  return `plugin_cmd = "${file}"\n    plugin_args = [${quoted}]\n    plugin_checksum = "${checksum}"`;
}
