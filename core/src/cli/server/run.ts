import { resolve } from "node:path";
import { systemClock } from "@finial/sdk";
import { refuseMissing } from "../../kernel/config/feature.ts";
import { loadConfigText } from "../../kernel/config/load.ts";
import { unresolved } from "../../kernel/secret/plugin-secrets.ts";
import { createLogger, LogThreshold } from "../../kernel/telemetry/log.ts";
import { parseServerConfig, type ServerConfig } from "../../server/config.ts";
import { command } from "../command.ts";
import { keepInheritedDescriptors, pluginSurroundings, runDaemon } from "../daemon.ts";
import { daemonFlags, validateFlags } from "../daemon-flags.ts";
import { type FlagValues, int, text } from "../flag.ts";
import { type CommandIo, messageOf } from "../io.ts";
import { printNotes } from "../validation-notes.ts";

const flags = {
  config: text("The configuration file", "conf/server/server.conf"),
  ...daemonFlags,
  bindAddress: text("Where agents connect: an IP address or DNS name"),
  serverPort: int("The port agents connect to", 0, 65_535),
  dataDir: text("The folder for what the server keeps while it runs"),
  socketPath: text("The socket for operators"),
};

export const run = command({
  name: "run",
  synopsis: "Runs the server",
  flags,
  run: async (input) => {
    let config: ServerConfig;
    try {
      config = loadConfig(input.flags, input.io);
    } catch (error) {
      input.io.stderr.write(`${messageOf(error)}\n`);
      return 1;
    }
    const { log, warnings } = config;
    return await runDaemon(
      {
        side: "server",
        log,
        warnings,
        run: async (surroundings) => {
          const { runServer } = await import("../../server/server.ts");
          const readPlugins = () => loadConfig(input.flags, input.io).plugins;
          await runServer(config, { ...surroundings, readPlugins });
        },
      },
      input.io,
    );
  },
});

/** Has every plugin check its part, too. */
export const validate = command({
  name: "validate",
  synopsis: "Checks a configuration file, and has every plugin check its own part of it",
  flags: { ...flags, ...validateFlags },
  run: async ({ flags: { skipSecrets, ...flags }, io }) => {
    let config: ServerConfig;
    try {
      config = loadConfig(flags, io);
    } catch (error) {
      io.stderr.write(`Finial server configuration file is invalid: ${messageOf(error)}\n`);
      return 1;
    }
    for (const warning of config.warnings) io.stderr.write(`Warning: ${warning}\n`);
    try {
      const notes = await notesOf(config, io, { skipSecrets });
      if (notes.size > 0) {
        io.stderr.write(`Finial server configuration file is invalid.\n${printNotes(notes)}`);
        return 1;
      }
    } catch (error) {
      io.stderr.write(`Could not validate configuration file: ${messageOf(error)}\n`);
      return 1;
    }
    io.stdout.write("Finial server configuration file is valid.\n");
    return 0;
  },
});

function loadConfig(values: FlagValues<typeof flags>, { env, cwd }: CommandIo): ServerConfig {
  const { config: filename, expandEnv, ...rest } = values;
  const text = loadConfigText(resolve(cwd, filename), expandEnv ? env : undefined);
  const config = parseServerConfig(text, { filename, flags: rest });
  refuseMissing(config.missing);
  return config;
}

async function notesOf(
  config: ServerConfig,
  io: CommandIo,
  { skipSecrets }: { readonly skipSecrets: boolean | undefined },
): Promise<ReadonlyMap<string, readonly string[]>> {
  const { validateServer } = await import("../../server/server.ts");
  const { now } = systemClock;
  await keepInheritedDescriptors();
  // What plugins have to say while they check comes back as notes.
  const logger = createLogger({ format: "text", threshold: new LogThreshold("error"), now, write: () => {} });
  return await validateServer(config, {
    logger,
    clock: systemClock,
    plugins: { ...pluginSurroundings("server", io), ...(skipSecrets && { secrets: unresolved }) },
  });
}
