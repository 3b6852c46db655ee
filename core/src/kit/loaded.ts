import { ConfigDefinition } from "@finial/proto/plugin/service/config/v1/config";
import { systemClock as clock, type Logger } from "@finial/sdk";
import { createClient, strictly } from "@finial/sdk/internal";
import type { LoadedPlugin } from "@finial/sdk/testing";
import { pluginLimits } from "../kernel/pluginhost/limits.ts";
import { RunningPlugin } from "../kernel/pluginhost/running-plugin.ts";
import type { Lab } from "./lab.ts";

/**
 * A process of the plugin, started, initialized and configured by the host itself: what a contract's cases are run against. Its
 * answers are held to the contract to the last field.
 */
export async function loadProcess(lab: Lab, logger: Logger): Promise<LoadedPlugin> {
  const { file, args, isPackage, isSealed, name } = lab.target;
  const running = await RunningPlugin.start({
    type: lab.cookie ?? "",
    name,
    launch: {
      file,
      args,
      env: lab.environment({ cookie: true }),
      sealed: isSealed,
      lifeline: isPackage,
      baseName: name,
      checksum: undefined,
    },
    hostServices: [],
    socketFolder: lab.socketFolder,
    logger,
    clock,
    limits: { ...pluginLimits, startMs: lab.patienceMs, initMs: lab.patienceMs },
  });
  await using stack = new AsyncDisposableStack();
  stack.use(running);
  const { channel, services } = running;
  const core = { coreConfiguration: { trustDomain: lab.trustDomain } };
  const config = createClient(ConfigDefinition, channel);
  if (services.has(ConfigDefinition.fullName))
    await config.configure({ ...core, hclConfiguration: lab.config() });
  const owned = stack.move();
  return {
    name,
    type: lab.cookie ?? "",
    services,
    channel,
    client: (definition) => createClient(strictly(definition), channel),
    configure: async (text) => {
      await config.configure({ ...core, hclConfiguration: text });
    },
    validate: async (text) => (await config.validate({ ...core, hclConfiguration: text })).notes,
    [Symbol.asyncDispose]: () => owned.disposeAsync(),
  };
}
