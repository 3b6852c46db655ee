import { execFile } from "node:child_process";
import { join } from "node:path";
import { promisify } from "node:util";
import type { Scenario } from "../support/scenario.ts";

const bench = join(import.meta.dirname, "..", "..", "bench", "main.ts");

export const scenario: Scenario = {
  title:
    "what crossing to a plugin costs, how long one is missed that was killed, and how long eight take to start",
  quick: false,
  async run({ step, say }) {
    const args = ["--conditions=source", bench, "--plugins", "--json"];
    const { stdout } = await promisify(execFile)(process.execPath, args);
    const figures = new Map<string, string>();
    for (const line of stdout.trim().split("\n")) {
      const { name, value, unit } = JSON.parse(line) as { name: string; value: number; unit: string };
      figures.set(name, `${Number(value.toPrecision(4))} ${unit}`);
    }
    step("measured, on this machine, with whatever else it does");
    for (const [name, figure] of figures) say(`${name}: ${figure}`);
    const figure = (name: string): string => {
      const found = figures.get(name);
      if (found === undefined) throw new Error(`the bench does not give ${name}`);
      return found;
    };
    return `a call takes ${figure("plugin_call_p50_us")} (p99 ${figure("plugin_call_p99_us")}), a plugin that was killed is missed for ${figure("plugin_restart_ms")}, a server with eight plugins is ready in ${figure("eight_plugins_ready_ms")}`;
  },
};
