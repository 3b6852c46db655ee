import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { GRPCBrokerDefinition } from "@finial/proto/goplugin/broker";
import { ConfigDefinition } from "@finial/proto/plugin/service/config/v1/config";
import { InitDefinition } from "@finial/proto/plugin/service/init/v1/init";
import { credentials, Server, ServerCredentials } from "@grpc/grpc-js";
import { hostServicesId } from "../goplugin/broker.ts";
import type { Clock } from "../plugin/clock.ts";
import type { Extension, Plugin } from "../plugin/define-plugin.ts";
import type { Logger } from "../plugin/logger.ts";
import { PluginServer } from "../plugin/plugin-server.ts";
import { makePluginSocket } from "../plugin/socket.ts";
import { systemClock } from "../plugin/system-clock.ts";
import { type Channel, type Client, createClient, openChannel } from "../rpc/client.ts";
import type { ServiceDefinition } from "../rpc/definition.ts";
import { addService } from "../rpc/service.ts";
import { captureLog } from "./capture-log.ts";

export interface LoadOptions {
  /** HCL text; given, the plugin is configured with it before it is handed over. */
  readonly config?: string;
  readonly trustDomain?: string;
  readonly logger?: Logger;
  readonly clock?: Clock;
  /** What the host offers, made by extend. */
  readonly hostServices?: readonly Extension[];
}

/** A plugin behind a real socket in this process, initialized as a host does it. */
export interface LoadedPlugin extends AsyncDisposable {
  readonly name: string;
  readonly type: string;
  readonly services: ReadonlySet<string>;
  readonly channel: Channel;
  client<D extends ServiceDefinition>(definition: D): Client<D>;
  /** @throws {StatusError} as Configure does. */
  configure(text: string): Promise<void>;
  /** The notes: none means valid. */
  validate(text: string): Promise<readonly string[]>;
}

/** Serves a plugin and connects to it over the wire a host uses. Dispose of it. */
export async function loadPlugin(plugin: Plugin, options: LoadOptions = {}): Promise<LoadedPlugin> {
  await using stack = new AsyncDisposableStack();
  const socket = stack.use(makePluginSocket(tmpdir()));
  stack.use(
    await PluginServer.start(plugin, {
      socketPath: socket.path,
      logger: options.logger ?? captureLog(),
      clock: options.clock ?? systemClock,
      onShutdown: () => {},
      onHostGone: () => {},
    }),
  );
  const channel = stack.use(openChannel(`unix:${socket.path}`, credentials.createInsecure()));
  const hostServices = options.hostServices ?? [];
  if (hostServices.length > 0) await announce(stack, channel, hostServices);
  const init = createClient(InitDefinition, channel);
  const { pluginServiceNames } = await init.init({
    hostServiceNames: hostServices.map(({ definition }) => definition.fullName),
  });
  stack.defer(async () => {
    await init.deinit({});
  });
  const core = { coreConfiguration: { trustDomain: options.trustDomain ?? "example.org" } };
  const config = createClient(ConfigDefinition, channel);
  if (options.config !== undefined) await config.configure({ ...core, hclConfiguration: options.config });
  const owned = stack.move();
  return {
    name: plugin.name,
    type: plugin.type.name,
    services: new Set(pluginServiceNames),
    channel,
    client: (definition) => createClient(definition, channel),
    configure: async (text) => {
      await config.configure({ ...core, hclConfiguration: text });
    },
    validate: async (text) => (await config.validate({ ...core, hclConfiguration: text })).notes,
    [Symbol.asyncDispose]: () => owned.disposeAsync(),
  };
}

/** Serves host services on a socket of their own and tells the plugin where. */
async function announce(
  stack: AsyncDisposableStack,
  channel: Channel,
  services: readonly Extension[],
): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), "host"));
  stack.defer(() => rmSync(folder, { recursive: true, force: true }));
  const address = join(folder, "s");
  const server = new Server();
  stack.defer(() => server.forceShutdown());
  for (const { definition, handlers } of services) addService(server, definition, handlers as never);
  await new Promise<void>((resolve, reject) =>
    server.bindAsync(`unix:${address}`, ServerCredentials.createInsecure(), (error) =>
      error ? reject(error) : resolve(),
    ),
  );
  const broker = createClient(GRPCBrokerDefinition, channel).startStream();
  stack.defer(() => broker.cancel());
  await broker.send({ serviceId: hostServicesId, network: "unix", address });
}
