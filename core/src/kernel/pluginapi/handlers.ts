import {
  ReconfigurePluginsResponse_Outcome as Outcome,
  type PluginDefinition,
  type PluginName,
  PluginState,
  type PluginStatus,
} from "@finial/proto/api/plugin/v1/plugin";
import { Code, StatusError } from "@finial/sdk";
import { nearest } from "@finial/sdk/hcl";
import type { Handlers } from "@finial/sdk/internal";
import type { Reconfigured } from "../catalog/configurer.ts";
import { titleOf } from "../catalog/plugin-block.ts";
import type { RecentLine } from "../catalog/recent-log.ts";
import type { SupervisedPlugin } from "../catalog/supervised-plugin.ts";
import { toWireSeconds } from "../convert/instant.ts";

/** What the API needs of a plugin. */
export type ManagedPlugin = Pick<
  SupervisedPlugin,
  | "type"
  | "name"
  | "services"
  | "pid"
  | "restarts"
  | "problem"
  | "servingSince"
  | "description"
  | "recentLog"
  | "reconfigure"
  | "restart"
>;

const outcomes: Readonly<Record<Reconfigured["outcome"], Outcome>> = {
  fixed: Outcome.FIXED,
  unchanged: Outcome.UNCHANGED,
  reconfigured: Outcome.RECONFIGURED,
  refused: Outcome.REFUSED,
};

/** The handlers of `finial.api.plugin.v1.Plugin`. */
export function pluginHandlers<P extends ManagedPlugin>({
  plugins,
  upgrade,
}: {
  readonly plugins: readonly P[];
  /** Has what the daemon's configuration file now says of it take over. */
  readonly upgrade: (plugin: P) => Promise<void>;
}): Handlers<typeof PluginDefinition> {
  const find = (name: PluginName | undefined): P => findPlugin(plugins, name);
  return {
    listPlugins: () => ({ plugins: plugins.map(statusOf) }),
    restartPlugin: async ({ name }) => {
      const plugin = find(name);
      await plugin.restart();
      return { plugin: statusOf(plugin) };
    },
    upgradePlugin: async ({ name }) => {
      const plugin = find(name);
      const before = statusOf(plugin);
      await upgrade(plugin);
      return { before, plugin: statusOf(plugin) };
    },
    reconfigurePlugins: async ({ name }) => {
      const asked = name === undefined ? plugins : [find(name)];
      return {
        results: await Promise.all(
          asked.map(async (plugin) => {
            const result = await plugin.reconfigure();
            const error = result.outcome === "refused" ? result.error : "";
            return { name: nameOf(plugin), outcome: outcomes[result.outcome], error };
          }),
        ),
      };
    },
    watchPluginLog: async function* ({ name, last, follow }, { signal }) {
      const { recentLog } = find(name);
      // Before the first line is given away: nothing that comes meanwhile is left out.
      const coming = follow ? recentLog.follow(signal) : undefined;
      const first = coming?.next();
      for (const line of recentLog.last(last === 0 ? undefined : last)) yield wireLine(line);
      if (coming === undefined || first === undefined) return;
      const next = await first;
      if (!next.done) yield wireLine(next.value);
      for await (const line of coming) yield wireLine(line);
    },
  };
}

function findPlugin<P extends ManagedPlugin>(plugins: readonly P[], name: PluginName | undefined): P {
  if (name === undefined || name.type === "" || name.name === "")
    throw new StatusError(Code.InvalidArgument, "PLUGIN_NAME", "a plugin is named by its type and its name");
  const found = plugins.find((plugin) => plugin.type === name.type && plugin.name === name.name);
  if (found !== undefined) return found;
  const titles = plugins.map(titleOf);
  const meant = nearest(titleOf(name), titles);
  throw new StatusError(
    Code.NotFound,
    "PLUGIN_NOT_FOUND",
    `there is no plugin ${titleOf(name)}; ${meant === undefined ? `there are ${titles.join(", ")}` : `did you mean ${meant}?`}`,
  );
}

function nameOf({ type, name }: ManagedPlugin): PluginName {
  return { type, name };
}

function statusOf(plugin: ManagedPlugin): PluginStatus {
  const { pid = 0, problem = "", restarts, servingSince, description, services } = plugin;
  const state =
    problem !== "" ? PluginState.OUT_OF_SERVICE : pid === 0 ? PluginState.RESTARTING : PluginState.SERVING;
  return {
    name: nameOf(plugin),
    state,
    problem,
    pid,
    restarts,
    ...description,
    services: [...services].sort(),
    servingSince: toWireSeconds(servingSince),
  };
}

function wireLine({ at, level, message, fields }: RecentLine) {
  return { timeMs: at.getTime(), level, message, fields: { ...fields } };
}
