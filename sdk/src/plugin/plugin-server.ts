import { type ConnInfo, GRPCBrokerDefinition } from "@finial/proto/goplugin/broker";
import { GRPCControllerDefinition } from "@finial/proto/goplugin/controller";
import { GRPCStdioDefinition } from "@finial/proto/goplugin/stdio";
import { HealthCheckResponse_ServingStatus, HealthDefinition } from "@finial/proto/grpc/health/v1/health";
import { ConfigDefinition } from "@finial/proto/plugin/service/config/v1/config";
import { InitDefinition } from "@finial/proto/plugin/service/init/v1/init";
import { credentials, Server, ServerCredentials } from "@grpc/grpc-js";
import { hostServicesId, targetOf } from "../goplugin/broker.ts";
import type { LinkIdentity } from "../goplugin/link-identity.ts";
import { type Channel, createClient, openChannel } from "../rpc/client.ts";
import type { ServiceDefinition } from "../rpc/definition.ts";
import { addService, type CallContext, type Handlers, type Interceptor } from "../rpc/service.ts";
import { Code } from "../status/code.ts";
import { StatusError } from "../status/status-error.ts";
import type { Clock } from "./clock.ts";
import { configHandlers } from "./config-service.ts";
import type { Extension, OpenPlugin, Plugin, PluginHost } from "./define-plugin.ts";
import type { Logger } from "./logger.ts";

export interface PluginServerOptions {
  readonly socketPath: string;
  /** For a link that nobody else can use: whom the host knows us by, and whom we know it by. Plain without. */
  readonly seal?: { readonly identity: LinkIdentity; readonly hostCertificateDer: Buffer };
  readonly logger: Logger;
  readonly clock: Clock;
  /** The host has asked for the end; its answer is on the way. */
  readonly onShutdown: () => void;
  /** The host closed its broker stream, which it keeps open for life: it is gone. */
  readonly onHostGone: () => void;
}

/** A plugin behind its socket: go-plugin's services, Init, Config and the plugin's own. */
export class PluginServer implements AsyncDisposable {
  readonly #plugin: Plugin;
  readonly #options: PluginServerOptions;
  readonly #server: Server;
  readonly #hostAnnounced = Promise.withResolvers<void>();
  #open: OpenPlugin<ServiceDefinition, unknown> | undefined;
  #configured = false;
  #closed = false;
  #host: Channel | undefined;

  private constructor(plugin: Plugin, options: PluginServerOptions) {
    this.#plugin = plugin;
    this.#options = options;
    this.#server = new Server({ "grpc.max_receive_message_length": -1 });
  }

  /** Listens; a host may connect as soon as the promise resolves. */
  static async start(plugin: Plugin, options: PluginServerOptions): Promise<PluginServer> {
    const server = new PluginServer(plugin, options);
    server.#addServices();
    const { seal, socketPath } = options;
    const accepted =
      seal?.identity.serverCredentials(seal.hostCertificateDer) ?? ServerCredentials.createInsecure();
    await new Promise<void>((resolve, reject) =>
      server.#server.bindAsync(`unix:${socketPath}`, accepted, (error) =>
        error ? reject(error) : resolve(),
      ),
    );
    return server;
  }

  #addServices(): void {
    addService(this.#server, HealthDefinition, healthHandlers);
    addService(this.#server, GRPCBrokerDefinition, { startStream: (requests) => this.#broker(requests) });
    addService(this.#server, GRPCStdioDefinition, { streamStdio: (_, context) => silence(context.signal) });
    addService(this.#server, GRPCControllerDefinition, {
      shutdown: () => {
        this.#options.onShutdown();
        return {};
      },
    });
    addService(this.#server, InitDefinition, {
      init: async ({ hostServiceNames }) => {
        if (hostServiceNames.length > 0) await this.#hostServices();
        return { pluginServiceNames: this.#init(hostServiceNames) };
      },
      deinit: async () => {
        await this.#close();
        return {};
      },
    });
    const { type, extensions = [], parseConfig } = this.#plugin;
    if (parseConfig !== undefined) {
      addService(
        this.#server,
        ConfigDefinition,
        configHandlers(parseConfig, (config) => this.#configure(config)),
      );
    }
    const ready: Interceptor = async (_, next) => {
      if (this.#open === undefined)
        throw new StatusError(Code.FailedPrecondition, "NOT_INITIALIZED", "not initialized");
      if (parseConfig !== undefined && !this.#configured)
        throw new StatusError(Code.FailedPrecondition, "NOT_CONFIGURED", "not configured");
      await next();
    };
    for (const definition of [type.definition, ...extensions]) {
      addService(this.#server, definition, this.#lateHandlers(definition), { interceptors: [ready] });
    }
  }

  /** The host announces its services before Init, but on another stream, which may be read later. */
  async #hostServices(): Promise<void> {
    const limit = new AbortController();
    const timeout = this.#options.clock.sleep(announcementLimitMs, { signal: limit.signal });
    await Promise.race([this.#hostAnnounced.promise, timeout]);
    timeout.catch(ignoreAbort);
    limit.abort();
  }

  /** Host services are dialled when first used. */
  #init(hostServiceNames: readonly string[]): string[] {
    if (this.#open !== undefined)
      throw new StatusError(Code.FailedPrecondition, "INITIALIZED", "already initialized");
    const host: PluginHost = {
      logger: this.#options.logger,
      clock: this.#options.clock,
      service: (definition) => {
        if (!hostServiceNames.includes(definition.fullName))
          throw new StatusError(
            Code.FailedPrecondition,
            "HOST_SERVICE_MISSING",
            `the host does not offer ${definition.fullName}`,
          );
        return createClient(definition, this.#hostChannel());
      },
    };
    const open = this.#plugin.open(host);
    const { type, extensions = [], parseConfig } = this.#plugin;
    for (const { fullName } of extensions)
      if (!open.extensions?.some((extension) => extension.definition.fullName === fullName))
        throw new TypeError(`${this.#plugin.name} names the extension ${fullName} and does not open it`);
    this.#open = open;
    return [
      type.definition.fullName,
      ...extensions.map((extension) => extension.fullName),
      ...(parseConfig === undefined ? [] : [ConfigDefinition.fullName]),
    ];
  }

  /** Once, however often the host says goodbye. */
  async #close(): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    await this.#open?.close?.();
  }

  async #configure(config: unknown): Promise<void> {
    if (this.#open === undefined)
      throw new StatusError(Code.FailedPrecondition, "NOT_INITIALIZED", "not initialized");
    await this.#open.configure?.(config);
    this.#configured = true;
  }

  /** Handlers that look their implementation up when called, because it is made by Init. */
  #lateHandlers(definition: ServiceDefinition): Partial<Handlers<ServiceDefinition>> {
    const implementation = (method: string): ((request: unknown, context: CallContext) => unknown) => {
      const handlers =
        definition === this.#plugin.type.definition
          ? this.#open?.service
          : this.#open?.extensions?.find((extension: Extension) => extension.definition === definition)
              ?.handlers;
      const handler = (handlers as Readonly<Record<string, unknown>> | undefined)?.[method];
      if (typeof handler !== "function")
        throw new StatusError(Code.Unimplemented, "UNIMPLEMENTED", `method ${method} not implemented`);
      return handler as (request: unknown, context: CallContext) => unknown;
    };
    return Object.fromEntries(
      Object.keys(definition.methods).map((method) => [
        method,
        (request: unknown, context: CallContext) => implementation(method)(request, context),
      ]),
    ) as unknown as Partial<Handlers<ServiceDefinition>>;
  }

  #hostChannel(): Channel {
    if (this.#host === undefined)
      throw new StatusError(Code.Unavailable, "HOST_AWAY", "the host has not announced its services");
    return this.#host;
  }

  async *#broker(requests: AsyncIterable<ConnInfo>): AsyncGenerator<never> {
    try {
      for await (const info of requests) {
        if (info.serviceId !== hostServicesId || this.#host !== undefined) continue;
        const { seal } = this.#options;
        const known =
          seal?.identity.clientCredentials(seal.hostCertificateDer) ?? credentials.createInsecure();
        this.#host = openChannel(targetOf(info), known);
        this.#hostAnnounced.resolve();
      }
    } finally {
      this.#options.onHostGone();
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#host?.close();
    this.#server.forceShutdown();
  }
}

/** As long as go-plugin's own plugins wait. */
const announcementLimitMs = 5000;

/** A sleep that is not needed any more ends by its abort. */
function ignoreAbort(error: unknown): void {
  if (!(error instanceof Error && error.name === "AbortError")) throw error;
}

const healthHandlers: Handlers<typeof HealthDefinition> = {
  check: ({ service }) => {
    if (service !== "" && service !== "plugin")
      throw new StatusError(Code.NotFound, "UNKNOWN_SERVICE", "unknown service");
    return { status: HealthCheckResponse_ServingStatus.SERVING };
  },
  watch: async function* ({ service }, { signal }) {
    const known = service === "" || service === "plugin";
    const { SERVING, SERVICE_UNKNOWN } = HealthCheckResponse_ServingStatus;
    yield { status: known ? SERVING : SERVICE_UNKNOWN };
    yield* silence(signal);
  },
};

/** A stream that says nothing until its caller leaves. */
async function* silence(signal: AbortSignal): AsyncGenerator<never> {
  if (signal.aborted) return;
  await new Promise<void>((resolve) => signal.addEventListener("abort", () => resolve(), { once: true }));
}
