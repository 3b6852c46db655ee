import { PluginState, type PluginStatus } from "@finial/proto/api/plugin/v1/plugin";

const headers = ["TYPE", "NAME", "VERSION", "PID", "STATE", "RESTARTS", "LINK", "ORIGIN"];

/** What state a plugin is in, in small letters. */
export function stateOf({ state }: PluginStatus): string {
  switch (state) {
    case PluginState.SERVING:
      return "serving";
    case PluginState.RESTARTING:
      return "restarting";
    case PluginState.OUT_OF_SERVICE:
      return "out of service";
    default:
      return "unknown";
  }
}

/** A table, its columns as wide as need be. */
export function tableOf(plugins: readonly PluginStatus[]): readonly string[] {
  const rows = plugins.map((plugin) => [
    plugin.name?.type ?? "",
    plugin.name?.name ?? "",
    plugin.version || "-",
    plugin.pid === 0 ? "-" : String(plugin.pid),
    stateOf(plugin),
    String(plugin.restarts),
    linkOf(plugin),
    originOf(plugin),
  ]);
  const widths = headers.map((header, column) =>
    Math.max(header.length, ...rows.map((row) => row[column]?.length ?? 0)),
  );
  return [headers, ...rows].map((row) =>
    row
      .map((cell, column) => cell.padEnd(widths[column] ?? 0))
      .join("  ")
      .trimEnd(),
  );
}

/** Everything there is to know of one, a line each. */
export function detailsOf(plugin: PluginStatus, now: Date): readonly string[] {
  const { name, problem, pid, version, restarts, reconfigurable, services, servingSince } = plugin;
  const seconds = Math.max(0, Math.floor(now.getTime() / 1000) - servingSince);
  const rows: readonly (readonly [string, string])[] = [
    ["Plugin", `${name?.type} "${name?.name}"`],
    ["State", stateOf(plugin)],
    ...(problem === "" ? [] : ([["Problem", problem]] as const)),
    ...(pid === 0 ? [] : ([["Process", `${pid}, serving for ${seconds} s`]] as const)),
    ["Restarts", String(restarts)],
    ...(version === "" ? [] : ([["Version", version]] as const)),
    ["Origin", originOf(plugin)],
    ["Link", linkOf(plugin)],
    ["Configuration", reconfigurable ? "read anew at reload" : "in the daemon's own file"],
    ...services.map((service, index) => [index === 0 ? "Services" : "", service] as const),
  ];
  return rows.map(([label, value]) => `${label.padEnd(14)}: ${value}`);
}

function linkOf({ sealed }: PluginStatus): string {
  return sealed ? "sealed" : "plain";
}

function originOf({ external }: PluginStatus): string {
  return external ? "plugin_cmd" : "built-in";
}
