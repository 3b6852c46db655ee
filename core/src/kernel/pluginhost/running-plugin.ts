import type { Clock, Logger } from "@finial/sdk";
import type { Channel } from "@finial/sdk/internal";
import { verifyChecksum } from "./checksum.ts";
import { type HostService, HostServiceServer } from "./host-services.ts";
import type { Launch } from "./launch.ts";
import { PluginLink } from "./plugin-link.ts";
import { type Exit, PluginProcess } from "./plugin-process.ts";

export interface StartOptions {
  readonly type: string;
  readonly name: string;
  readonly launch: Launch;
  readonly hostServices: readonly HostService[];
  /** Of the daemon's {@link SocketFolder}. */
  readonly socketFolder: string;
  readonly logger: Logger;
  readonly clock: Clock;
}

/** A plugin that has said which services it offers. Disposing of it ends its process. */
export class RunningPlugin implements AsyncDisposable {
  readonly type: string;
  readonly name: string;
  readonly pid: number;
  readonly services: ReadonlySet<string>;
  readonly channel: Channel;
  /** Settles when the process is gone, asked for or not. */
  readonly exited: Promise<Exit>;
  readonly #owned: AsyncDisposableStack;

  private constructor(
    { type, name }: StartOptions,
    { pid, exited }: PluginProcess,
    channel: Channel,
    services: ReadonlySet<string>,
    owned: AsyncDisposableStack,
  ) {
    this.type = type;
    this.name = name;
    this.pid = pid;
    this.exited = exited;
    this.channel = channel;
    this.services = services;
    this.#owned = owned;
  }

  /**
   * Verifies, spawns, connects and initializes: after it only Configure is missing.
   *
   * @throws {StatusError} with the sentence of the step that failed; the process is then gone.
   */
  static async start(options: StartOptions): Promise<RunningPlugin> {
    const { launch, hostServices, logger, clock } = options;
    await using stack = new AsyncDisposableStack();
    if (launch.checksum !== undefined) await verifyChecksum(launch.checksum.file, launch.checksum.sha256);
    // Before the process, so that it outlives the process: a plugin may use it up to its last moment.
    const services = stack.use(await HostServiceServer.start(hostServices, options));
    const process = stack.use(await PluginProcess.spawn(launch, { logger, clock }));
    const handshake = await process.handshake();
    const link = stack.use(
      await PluginLink.open(handshake, { hostServicesAddress: services.address, logger }),
    );
    const names = await link.init(hostServices.map(({ definition }) => definition.fullName));
    return new RunningPlugin(options, process, link.channel, names, stack.move());
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#owned.disposeAsync();
  }
}
