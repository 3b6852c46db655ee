import { existsSync } from "node:fs";
import { join } from "node:path";
import { type Clock, type Logger, StatusError, systemClock } from "@finial/sdk";
import type { LaunchSurroundings } from "../kernel/catalog/launch-of.ts";
import { Manifests, type Side } from "../kernel/catalog/manifest.ts";
import type { LogSettings } from "../kernel/config/log-settings.ts";
import { SecretResolver } from "../kernel/secret/secret-resolver.ts";
import { createLogger, LogThreshold } from "../kernel/telemetry/log.ts";
import { LogFile } from "../kernel/telemetry/log-file.ts";
import type { CommandIo } from "./io.ts";
import { messageOf } from "./io.ts";

/** No one but owner and group reads what a daemon writes; sockets and public files set their own mode. */
const umask = 0o027;

/** What the daemons are given besides their configuration: here is where the machine comes in. */
export interface DaemonSurroundings {
  readonly logger: Logger;
  readonly clock: Clock;
  readonly random: () => number;
  readonly plugins: LaunchSurroundings;
  readonly signal: AbortSignal;
  readonly onReconfigure: (reconfigure: () => void) => void;
}

export interface DaemonOptions {
  readonly side: Side;
  readonly log: LogSettings;
  readonly warnings: readonly string[];
  readonly run: (surroundings: DaemonSurroundings) => Promise<void>;
}

/**
 * Runs a daemon until SIGINT or SIGTERM: SIGUSR1 has its plugins configured anew, SIGUSR2 its log file opened anew.
 *
 * @returns the exit status: 1 when it could not start or go on.
 */
export async function runDaemon({ side, log, warnings, run }: DaemonOptions, io: CommandIo): Promise<number> {
  const name = side === "server" ? "Server" : "Agent";
  process.umask(process.umask() | umask);
  await keepInheritedDescriptors();
  using file = LogFile.open(log.file);
  const { now } = systemClock;
  const threshold = new LogThreshold(log.level);
  const logger = createLogger({ format: log.format, threshold, now, write: (line) => file.write(line) });
  let reconfigure = (): void => logger.warn("The plugins do not run yet: nothing to configure");
  io.onSignal("SIGUSR1", () => reconfigure());
  io.onSignal("SIGUSR2", () => reopen(file, logger));
  for (const warning of warnings) logger.warn(warning);
  const signal = io.untilInterrupted();
  try {
    await run({
      logger,
      clock: systemClock,
      random: Math.random,
      plugins: pluginSurroundings(side, io),
      signal,
      onReconfigure: (react) => {
        reconfigure = react;
      },
    });
  } catch (error) {
    const { message, reason } = StatusError.from(error);
    // Told to end while it started: it has ended.
    if (!(signal.aborted && reason === "CANCELLED")) {
      logger.error(`${name} crashed`, { error: message, reason });
      // Whoever started it by hand looks here, not into the log file.
      if (log.file !== undefined) io.stderr.write(`${name} crashed: ${message}\n`);
      return 1;
    }
  }
  logger.info(`${name} stopped gracefully`);
  return 0;
}

/** What this process was started with is not its plugins'. The native code for it is loaded only by who starts plugins. */
export async function keepInheritedDescriptors(): Promise<void> {
  const { keepInheritedDescriptors } = await import("../kernel/lifecycle/inherited-descriptors.ts");
  keepInheritedDescriptors();
}

/** Where the plugins are that come with this program, and what runs them. */
export function pluginSurroundings(side: Side, { env }: Pick<CommandIo, "env">): LaunchSurroundings {
  return {
    manifests: new Manifests(findPlugins(), side),
    env,
    secrets: new SecretResolver({ env, uid: process.geteuid?.() ?? 0, clock: systemClock }),
    nodePath: process.execPath,
  };
}

/** In the package of the bundle (npm), or beside it (a release, a checkout); the sources lie one folder deeper. */
function findPlugins(): string {
  const levels = import.meta.filename.endsWith(".ts") ? [3] : [1, 2];
  const places = levels.map((count) => join(import.meta.dirname, ...Array(count).fill(".."), "plugins"));
  return places.find((place) => existsSync(place)) ?? places[0] ?? "plugins";
}

function reopen(file: LogFile, logger: Logger): void {
  try {
    file.reopen();
  } catch (error) {
    logger.error("Failed to rotate log after signal", { error: messageOf(error) });
  }
}
