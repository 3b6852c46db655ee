import { StringDecoder } from "node:string_decoder";
import { GRPCBrokerDefinition } from "@finial/proto/goplugin/broker";
import { GRPCControllerDefinition } from "@finial/proto/goplugin/controller";
import { GRPCStdioDefinition, StdioData_Channel } from "@finial/proto/goplugin/stdio";
import { InitDefinition } from "@finial/proto/plugin/service/init/v1/init";
import { type Clock, Code, type Logger, StatusError } from "@finial/sdk";
import {
  type Channel,
  createClient,
  type Handshake,
  hostServicesId,
  openChannel,
  targetOf,
} from "@finial/sdk/internal";
import { type ChannelCredentials, credentials } from "@grpc/grpc-js";
import type { PluginLimits } from "./limits.ts";
import { Lines } from "./lines.ts";
import { Allowance, warnOfFlood } from "./paced.ts";

/** More than any answer has reason to be, and no danger to the host; larger ones fail with ResourceExhausted. */
const maxMessageBytes = 64 << 20;
/** A plugin offers a few services; who names more means harm. */
const maxServices = 100;

interface LinkOptions {
  readonly logger: Logger;
  readonly clock: Clock;
  readonly limits: Pick<PluginLimits, "initMs" | "deinitMs" | "shutdownMs">;
}

/** The connection to a plugin's process: go-plugin's services, and Init. */
export class PluginLink implements AsyncDisposable {
  readonly channel: Channel;
  readonly #logger: Logger;
  readonly #clock: Clock;
  readonly #limits: LinkOptions["limits"];
  readonly #end = new AbortController();
  readonly #init;
  #initialized = false;
  #gone = false;

  private constructor(channel: Channel, { logger, clock, limits }: LinkOptions) {
    this.channel = channel;
    this.#logger = logger;
    this.#clock = clock;
    this.#limits = limits;
    this.#init = createClient(InitDefinition, channel);
  }

  /**
   * Connects, opens the streams that stay open for life, and announces where the host services are.
   *
   * @param options.credentials of a sealed link; plain without.
   * @throws {StatusError} FailedPrecondition `HANDSHAKE_…`.
   */
  static async open(
    handshake: Handshake,
    options: LinkOptions & {
      readonly hostServicesAddress: string;
      readonly credentials?: ChannelCredentials | undefined;
    },
  ): Promise<PluginLink> {
    if (handshake.network === "tcp") requireLoopback(handshake.address, options.logger);
    const link = new PluginLink(
      openChannel(targetOf(handshake), options.credentials ?? credentials.createInsecure(), {
        "grpc.max_receive_message_length": maxMessageBytes,
      }),
      options,
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
    const take = { 1: this.#outputLines("stdout"), 2: this.#outputLines("stderr") };
    const allowance = new Allowance({
      clock: this.#clock,
      onFlood: () => warnOfFlood(this.#logger, "go-plugin's stdio"),
    });
    await this.#untilClosed("stdio", async () => {
      const { streamStdio } = createClient(GRPCStdioDefinition, this.channel);
      for await (const { channel, data } of streamStdio({}, { signal })) {
        take[channel === StdioData_Channel.STDERR ? 2 : 1](data);
        const waitMs = allowance.take(data.length);
        if (waitMs > 0) await this.#clock.sleep(waitMs, { signal });
      }
    });
  }

  /** Bytes come in pieces that end anywhere. */
  #outputLines(pipe: string): (bytes: Buffer) => void {
    const decoder = new StringDecoder("utf8");
    const lines = new Lines((output) => this.#logger.debug("Plugin output", { pipe, output }));
    return (bytes) => lines.write(decoder.write(bytes));
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
  async init(
    hostServiceNames: readonly string[],
    { signal }: { readonly signal?: AbortSignal | undefined } = {},
  ): Promise<ReadonlySet<string>> {
    const request = { hostServiceNames: [...hostServiceNames] };
    const { pluginServiceNames } = await this.#init.init(request, {
      signal,
      deadlineMs: this.#limits.initMs,
    });
    this.#initialized = true;
    if (pluginServiceNames.length > maxServices)
      throw new StatusError(
        Code.Internal,
        "PLUGIN_RESPONSE",
        `plugin names ${pluginServiceNames.length} services; no plugin offers more than ${maxServices}`,
      );
    return new Set(pluginServiceNames);
  }

  /** The process has ended: there is nobody to say goodbye to. */
  abandon(): void {
    this.#gone = true;
  }

  /** Says goodbye, asks for the end, and hangs up; the process is its owner's to wait for. */
  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#initialized && !this.#gone) await this.#deinit();
    if (!this.#gone) await this.#shutdown();
    this.#end.abort();
    this.channel.close();
  }

  async #shutdown(): Promise<void> {
    try {
      await createClient(GRPCControllerDefinition, this.channel).shutdown(
        {},
        { deadlineMs: this.#limits.shutdownMs },
      );
    } catch (error) {
      // A Go plugin stops before it answers.
      this.#logger.trace("Plugin did not answer to Shutdown", { error: StatusError.from(error).message });
    }
  }

  async #deinit(): Promise<void> {
    try {
      await this.#init.deinit({}, { deadlineMs: this.#limits.deinitMs });
      this.#logger.debug("Plugin deinitialized");
    } catch (error) {
      const { code, message } = StatusError.from(error);
      if (code !== Code.Unimplemented)
        this.#logger.error("Failed to deinitialize plugin", { error: message });
    }
  }
}

/** Nothing keeps other users of this machine from a TCP port; nobody on another machine is a plugin of ours. */
function requireLoopback(address: string, logger: Logger): void {
  if (!/^(localhost|127(\.\d{1,3}){3}|\[::1\]):\d{1,5}$/.test(address))
    throw new StatusError(
      Code.FailedPrecondition,
      "HANDSHAKE_ADDRESS",
      `failed to launch plugin: it says it listens on ${address}, which is not an address of this machine alone`,
    );
  logger.warn("Plugin listens on TCP, where every user of this machine can reach it", { address });
}
