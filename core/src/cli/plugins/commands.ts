import {
  ReconfigurePluginsResponse_Outcome as Outcome,
  PluginDefinition,
  type PluginLogLine,
  type PluginName,
  type PluginStatus,
} from "@finial/proto/api/plugin/v1/plugin";
import { quotedText } from "../../kernel/telemetry/log.ts";
import type { Command } from "../command.ts";
import { int, toggle } from "../flag.ts";
import { outputFlag, printMessages } from "../output.ts";
import { printableLine } from "../printable.ts";
import type { MakeSocketCommand } from "../socket-command.ts";
import { usageError } from "../usage-error.ts";
import { pluginOf, pluginOperands, pluginOrAll } from "./plugin-operands.ts";
import { detailsOf, tableOf } from "./print-plugin.ts";

const api = "finial.api.plugin.v1";

/** Commands for the plugins of a running daemon. @param make for the daemon they ask. */
export function pluginCommands(make: MakeSocketCommand): readonly Command[] {
  return [list(make), status(make), restart(make), upgrade(make), reload(make), logs(make)];
}

function list(make: MakeSocketCommand): Command {
  return make({
    name: "plugin list",
    synopsis: "Lists the plugins with their processes",
    flags: { output: outputFlag },
    run: async ({ flags, client, io, say }) => {
      const value = await client(PluginDefinition).listPlugins({});
      if (flags.output === "json") printMessages([{ name: `${api}.ListPluginsResponse`, value }], io.stdout);
      else for (const line of tableOf(value.plugins)) say(printableLine(line));
    },
  });
}

function status(make: MakeSocketCommand): Command {
  return make({
    name: "plugin status",
    synopsis: "Tells all there is to know of a plugin",
    flags: { output: outputFlag },
    operands: pluginOperands,
    run: async ({ flags, operands, client, io, say }) => {
      const wanted = pluginOf(operands);
      const { plugins } = await client(PluginDefinition).listPlugins({});
      const value = plugins.find(({ name }) => name?.type === wanted.type && name.name === wanted.name);
      if (value === undefined)
        throw usageError(`there is no plugin ${titleOf(wanted)}; "plugin list" shows all`);
      if (flags.output === "json") printMessages([{ name: `${api}.PluginStatus`, value }], io.stdout);
      else for (const line of detailsOf(value, io.now())) say(printableLine(line));
    },
  });
}

function restart(make: MakeSocketCommand): Command {
  return make({
    name: "plugin restart",
    synopsis: "Ends a plugin's process and starts another",
    flags: { output: outputFlag },
    operands: pluginOperands,
    run: async ({ flags, operands, client, io, say }) => {
      const name = pluginOf(operands);
      const value = await client(PluginDefinition).restartPlugin({ name });
      if (flags.output === "json")
        printMessages([{ name: `${api}.RestartPluginResponse`, value }], io.stdout);
      else say(`Restarted ${titleOf(name)}: process ${value.plugin?.pid} serves`);
    },
  });
}

function upgrade(make: MakeSocketCommand): Command {
  return make({
    name: "plugin upgrade",
    synopsis: "Has a new version of a plugin, or one with another configuration, take over",
    flags: { output: outputFlag },
    operands: pluginOperands,
    run: async ({ flags, operands, client, io, say }) => {
      const name = pluginOf(operands);
      const value = await client(PluginDefinition).upgradePlugin({ name });
      if (flags.output === "json")
        printMessages([{ name: `${api}.UpgradePluginResponse`, value }], io.stdout);
      else
        say(
          `Upgraded ${titleOf(name)}: ${processOf(value.plugin)} took over from ${processOf(value.before)}`,
        );
    },
  });
}

function processOf(plugin: PluginStatus | undefined): string {
  const { pid, version } = plugin ?? {};
  return version ? `process ${pid} (version ${version})` : `process ${pid}`;
}

const words: Readonly<Partial<Record<Outcome, string>>> = {
  [Outcome.FIXED]: "its configuration is in the daemon's own file, which plugin upgrade reads anew",
  [Outcome.UNCHANGED]: "nothing has changed",
  [Outcome.RECONFIGURED]: "configured anew",
};

function reload(make: MakeSocketCommand): Command {
  return make({
    name: "plugin reload",
    synopsis: "Reads files and secrets of plugins' configurations anew, as SIGUSR1 does",
    flags: { output: outputFlag },
    operands: `[${pluginOperands}]`,
    run: async ({ flags, operands, client, io, say }) => {
      const name = pluginOrAll(operands);
      const value = await client(PluginDefinition).reconfigurePlugins(name === undefined ? {} : { name });
      const refused = value.results.filter(({ outcome }) => outcome === Outcome.REFUSED);
      if (flags.output === "json")
        printMessages([{ name: `${api}.ReconfigurePluginsResponse`, value }], io.stdout);
      else
        for (const { name, outcome, error } of value.results)
          say(
            printableLine(
              `${titleOf(name)}: ${words[outcome] ?? `refused, and goes on as it was: ${error}`}`,
            ),
          );
      if (refused.length > 0)
        throw usageError(`${refused.length} of ${value.results.length} plugins refused`);
    },
  });
}

function logs(make: MakeSocketCommand): Command {
  return make({
    name: "plugin logs",
    synopsis: "Prints what was logged of a plugin last, at every level",
    flags: {
      lines: int("So many of the last lines; 0 for all that are kept", 0),
      follow: toggle("Print what comes, too, until interrupted"),
    },
    operands: pluginOperands,
    run: async ({ flags, operands, client, io, say }) => {
      const request = { name: pluginOf(operands), last: flags.lines, follow: flags.follow };
      const signal = io.untilInterrupted();
      try {
        for await (const line of client(PluginDefinition).watchPluginLog(request, { signal }))
          say(formatLine(line));
      } catch (error) {
        // Whoever follows a log leaves it like this.
        if (!signal.aborted) throw error;
      }
    },
  });
}

function formatLine({ timeMs, level, message, fields }: PluginLogLine): string {
  const pairs = Object.entries(fields)
    // Which plugin it is, is known.
    .filter(([name]) => !["plugin_name", "plugin_type", "external"].includes(name))
    .sort(([one], [other]) => (one < other ? -1 : 1))
    // Plugins may give a field any name.
    .map(([name, value]) => `${/^[\w.-]+$/.test(name) ? name : quotedText(name)}=${quotedText(value)}`);
  return [new Date(timeMs).toISOString(), level.padEnd(5), printableLine(message), ...pairs].join(" ");
}

function titleOf(name: PluginName | undefined): string {
  return `${name?.type} "${name?.name}"`;
}
