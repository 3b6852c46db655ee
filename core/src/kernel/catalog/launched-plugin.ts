import { ConfigDefinition } from "@finial/proto/plugin/service/config/v1/config";
import { type Clock, Code, type Logger, StatusError } from "@finial/sdk";
import { createClient } from "@finial/sdk/internal";
import type { HostService } from "../pluginhost/host-services.ts";
import { RunningPlugin } from "../pluginhost/running-plugin.ts";
import type { PluginSecrets } from "../secret/plugin-secrets.ts";
import { Redaction } from "../secret/redaction.ts";
import type { ClientOf } from "./bound-plugin.ts";
import { resolveSecretVariables } from "./given-environment.ts";
import type { KnownType } from "./known-type.ts";
import { type LaunchSurroundings, type PlannedLaunch, planLaunch } from "./launch-of.ts";
import type { PluginBlock } from "./plugin-block.ts";
import { RecentLog } from "./recent-log.ts";

/** A plugin that can be launched. Its logger takes its secrets out of what is logged. */
export interface PreparedPlugin {
  readonly block: PluginBlock;
  readonly planned: PlannedLaunch;
  readonly secrets: PluginSecrets;
  readonly logger: Logger;
  /** What came to the logger last. */
  readonly recentLog: RecentLog;
}

export interface LaunchOptions {
  readonly hostServices: readonly HostService[];
  readonly socketFolder: string;
  readonly clock: Clock;
  /** Ends the launch. */
  readonly signal?: AbortSignal | undefined;
}

/** What there is to know of a plugin before it is launched for the first time. @throws {StatusError} as {@link planLaunch}. */
export function preparePlugin(
  block: PluginBlock,
  options: {
    readonly surroundings: LaunchSurroundings;
    readonly socketFolder: string;
    readonly logger: Logger;
    readonly clock: Clock;
    /** Of the process that this one is to take over from. */
    readonly recentLog?: RecentLog;
  },
): PreparedPlugin {
  const { surroundings, socketFolder, logger, clock } = options;
  const redaction = new Redaction();
  const recentLog = options.recentLog ?? new RecentLog(clock);
  return {
    block,
    planned: planLaunch(block, surroundings, socketFolder),
    secrets: { resolver: surroundings.secrets, redaction },
    logger: redaction.logger(recentLog.logger(logger)),
    recentLog,
  };
}

/**
 * A process of it, initialized, with the secrets of this moment in its environment.
 *
 * @throws {StatusError} as {@link RunningPlugin.start}, without secrets, or that of a secret which cannot be had.
 */
export async function launchPlugin(
  { block, planned: { launch }, secrets: { resolver, redaction }, logger }: PreparedPlugin,
  options: LaunchOptions,
): Promise<RunningPlugin> {
  const variables = await resolveSecretVariables(block.environment, resolver, options);
  redaction.add(Object.values(variables));
  const starting = RunningPlugin.start({
    ...options,
    type: block.type,
    name: block.name,
    launch: { ...launch, env: { ...launch.env, ...variables } },
    logger: logger.with({ subsystem_name: `${block.name}.${launch.baseName}` }),
    redact: (words) => redaction.redact(words),
  });
  return await starting.catch((error: unknown) => {
    throw redaction.error(error);
  });
}

/** What an adapter asks a process by, before it is the plugin's. */
export function clientOf({ channel }: Pick<RunningPlugin, "channel">): ClientOf {
  return (definition) => createClient(definition, channel);
}

/**
 * Which of its type's services is used.
 *
 * @throws {StatusError} FailedPrecondition `PLUGIN_SERVICES` when it offers none; of one that is unknown the log is told.
 */
export function bindPlugin(running: RunningPlugin, known: KnownType | undefined, logger: Logger): string {
  const { services = [], extensions = [] } = known ?? {};
  const bound = services.find((service) => running.services.has(service));
  const offered = [...running.services].sort();
  if (bound === undefined)
    throw new StatusError(
      Code.FailedPrecondition,
      "PLUGIN_SERVICES",
      `no supported plugin interface found in: [${offered.map((service) => `"${service}"`).join(" ")}]`,
    );
  const expected = new Set([bound, ConfigDefinition.fullName, ...extensions]);
  for (const service of offered)
    if (!expected.has(service)) logger.warn("Unsupported plugin service found", { plugin_service: service });
  return bound;
}
