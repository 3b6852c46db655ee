import { resolve } from "node:path";
import { type AgentConfig, parseAgentConfig } from "../../agent/config.ts";
import { checkSecrets } from "../../kernel/catalog/check-secrets.ts";
import { refuseMissing } from "../../kernel/config/feature.ts";
import { loadConfigText } from "../../kernel/config/load.ts";
import { unresolved } from "../../kernel/secret/plugin-secrets.ts";
import { command } from "../command.ts";
import { pluginSurroundings, runDaemon } from "../daemon.ts";
import { daemonFlags, validateFlags } from "../daemon-flags.ts";
import { type FlagValues, int, text, toggle } from "../flag.ts";
import { type CommandIo, messageOf } from "../io.ts";
import { printNotes } from "../validation-notes.ts";
import { version } from "../version.ts";

const flags = {
  config: text("The configuration file", "conf/agent/agent.conf"),
  ...daemonFlags,
  dataDir: text("The folder for what the agent keeps while it runs"),
  joinToken: text("The join token, from finial-server token generate"),
  joinTokenFile: text("The file with the join token"),
  serverAddress: text("The server: an IP address or DNS name"),
  serverPort: int("The server's port", 0, 65_535),
  trustBundle: text("The file with the server's bundle"),
  trustBundleUrl: text("Where to fetch the server's bundle"),
  trustBundleFormat: text("The format of the bundle: pem or spiffe"),
  allowUnauthenticatedVerifiers: toggle("Give trust bundles to workloads without an identity, too"),
  insecureBootstrap: toggle("Trust whichever server answers the first time"),
  rebootstrapMode: text("Whether to begin anew when the server is no longer known: never, auto or always"),
  rebootstrapDelay: text("How long to wait before that"),
  disableWorkloadAPI: toggle("Do not serve the Workload API"),
  disableSDSAPI: toggle("Do not serve Envoy's secret discovery"),
  socketPath: text("The socket for workloads"),
};

export const run = command({
  name: "run",
  synopsis: "Runs the agent",
  flags,
  run: async (input) => {
    let config: AgentConfig;
    try {
      config = loadConfig(input.flags, input.io);
    } catch (error) {
      input.io.stderr.write(`${messageOf(error)}\n`);
      return 1;
    }
    const { log, warnings } = config;
    return await runDaemon(
      {
        side: "agent",
        log,
        warnings,
        run: async (surroundings) => {
          // The composition, loaded only by the command that needs it.
          const { runAgent } = await import("../../agent/agent.ts");
          const readPlugins = () => loadConfig(input.flags, input.io).plugins;
          await runAgent(config, { ...surroundings, readPlugins, pid: process.pid, version });
        },
      },
      input.io,
    );
  },
});

/** Plugins are not asked, as in SPIRE; whether there are the secrets they are to be given is the host's to say. */
export const validate = command({
  name: "validate",
  synopsis: "Checks a configuration file; of what is the plugins', only whether its secrets are there",
  flags: { ...flags, ...validateFlags },
  run: async ({ flags: { skipSecrets, ...flags }, io }) => {
    let config: AgentConfig;
    try {
      config = loadConfig(flags, io);
    } catch (error) {
      io.stderr.write(`Finial agent configuration file is invalid: ${messageOf(error)}\n`);
      return 1;
    }
    for (const warning of config.warnings) io.stderr.write(`Warning: ${warning}\n`);
    const resolver = skipSecrets ? unresolved : pluginSurroundings("agent", io).secrets;
    const notes = await checkSecrets(config.plugins, resolver);
    if (notes.size > 0) {
      io.stderr.write(`Finial agent configuration file is invalid.\n${printNotes(notes)}`);
      return 1;
    }
    io.stdout.write("Finial agent configuration file is valid.\n");
    return 0;
  },
});

function loadConfig(values: FlagValues<typeof flags>, { env, cwd }: CommandIo): AgentConfig {
  const { config: filename, expandEnv, disableSDSAPI, disableWorkloadAPI, ...rest } = values;
  const text = loadConfigText(resolve(cwd, filename), expandEnv ? env : undefined);
  const config = parseAgentConfig(text, {
    filename,
    flags: { ...rest, disableSdsApi: disableSDSAPI, disableWorkloadApi: disableWorkloadAPI },
  });
  refuseMissing(config.missing);
  return config;
}
