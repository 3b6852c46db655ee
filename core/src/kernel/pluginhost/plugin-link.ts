import { GRPCBrokerDefinition } from "@finial/proto/goplugin/broker";
import { GRPCControllerDefinition } from "@finial/proto/goplugin/controller";
import { GRPCStdioDefinition } from "@finial/proto/goplugin/stdio";
import { InitDefinition } from "@finial/proto/plugin/service/init/v1/init";
import { Code, type Logger, StatusError } from "@finial/sdk";
import {
  type Channel,
  createClient,
  type Handshake,
  hostServicesId,
  openChannel,
  targetOf,
} from "@finial/sdk/internal";
import { credentials } from "@grpc/grpc-js";

/** As long as SPIRE waits for a plugin's goodbye. */
const deinitLimitMs = 10_000;
/** The answer to Shutdown is of no interest, and may never come. */
const shutdownLimitMs = 2000;

/** The connection to a plugin's process: go-plugin's services, and Init. */
export class PluginLink implements AsyncDisposable {
  readonly channel: Channel;
  readonly #logger: Logger;
  readonly #end = new AbortController();
  readonly #init;
  #initialized = false;

  private constructor(channel: Channel, logger: Logger) {
    this.channel = channel;
    this.#logger = logger;
    this.#init = createClient(InitDefinition, channel);
  }

  /** Connects, opens the streams that stay open for life, and announces where the host services are. */
  static async open(
    handshake: Handshake,
    options: { readonly hostServicesAddress: string; readonly logger: Logger },
  ): Promise<PluginLink> {
    if (handshake.certificateDer !== undefined)
      throw new StatusError(
        Code.FailedPrecondition,
        "HANDSHAKE_TLS",
        "the plugin insists on AutoMTLS, which SPIFFE plugins do not use",
      );
    const link = new PluginLink(
      openChannel(targetOf(handshake), credentials.createInsecure()),
      options.logger,
    );
    await link.#openBroker(options.hostServicesAddress);
    void link.#drainStdio();
    return link;
  }

  async #openBroker(address: string): Promise<void> {
    const { signal } = this.#end;
    const broker = createClient(GRPCBrokerDefinition, this.channel).startStream({ signal });
    void this.#untilClosed("broker", async () => {
      for await (const info of broker)
        this.#logger.debug("Plugin offers a connection nobody asked for", { service_id: info.serviceId });
    });
    await broker.send({ serviceId: hostServicesId, network: "unix", address });
  }

  /** A Go plugin that nobody drains stops at its first prints. */
  async #drainStdio(): Promise<void> {
    const { signal } = this.#end;
    await this.#untilClosed("stdio", async () => {
      for await (const { data } of createClient(GRPCStdioDefinition, this.channel).streamStdio(
        {},
        { signal },
      ))
        this.#logger.debug("Plugin output", { output: data.toString() });
    });
  }

  async #untilClosed(stream: string, read: () => Promise<void>): Promise<void> {
    try {
      await read();
    } catch (error) {
      if (this.#end.signal.aborted) return;
      const { code, message } = StatusError.from(error);
      // Not every plugin offers stdio, and a plugin that ends closes both: its exit is reported elsewhere.
      if (code === Code.Unimplemented || code === Code.Unavailable) return;
      this.#logger.debug("Plugin stream ended", { stream, error: message });
    }
  }

  /** @returns full names of the services the plugin offers. */
  async init(hostServiceNames: readonly string[]): Promise<ReadonlySet<string>> {
    const { pluginServiceNames } = await this.#init.init({ hostServiceNames: [...hostServiceNames] });
    this.#initialized = true;
    return new Set(pluginServiceNames);
  }

  /** Says goodbye, asks for the end, and hangs up; the process is its owner's to wait for. */
  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#initialized) await this.#deinit();
    try {
      await createClient(GRPCControllerDefinition, this.channel).shutdown(
        {},
        { deadlineMs: shutdownLimitMs },
      );
    } catch (error) {
      // A Go plugin stops before it answers.
      this.#logger.trace("Plugin did not answer to Shutdown", { error: StatusError.from(error).message });
    }
    this.#end.abort();
    this.channel.close();
  }

  async #deinit(): Promise<void> {
    try {
      await this.#init.deinit({}, { deadlineMs: deinitLimitMs });
    } catch (error) {
      const { code, message } = StatusError.from(error);
      if (code !== Code.Unimplemented)
        this.#logger.error("Failed to deinitialize plugin", { error: message });
    }
  }
}
