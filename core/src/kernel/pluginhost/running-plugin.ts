import { mkdtempSync, rmSync } from "node:fs";
import { join, relative } from "node:path";
import type { Clock, Logger, StatusError } from "@finial/sdk";
import type { Channel } from "@finial/sdk/internal";
import type { StoredPackage } from "../pluginstore/plugin-store.ts";
import { VerifiedTree } from "../pluginstore/verified-tree.ts";
import { verifyChecksum } from "./checksum.ts";
import { type HostService, HostServiceServer } from "./host-services.ts";
import { type Launch, withFile } from "./launch.ts";
import { type PluginLimits, pluginLimits } from "./limits.ts";
import { PluginLink } from "./plugin-link.ts";
import { type Exit, PluginProcess, requireExecutable } from "./plugin-process.ts";
import { agreeOn, Seal } from "./seal.ts";
import { ownFolderPrefix } from "./socket-folder.ts";
import { VerifiedCopy } from "./verified-copy.ts";

export interface StartOptions {
  readonly type: string;
  readonly name: string;
  readonly launch: Launch;
  readonly hostServices: readonly HostService[];
  /** Of the daemon's {@link SocketFolder}. */
  readonly socketFolder: string;
  readonly logger: Logger;
  readonly clock: Clock;
  readonly limits?: PluginLimits;
  /** Takes out of what it says what nobody is to read; the logger does so by itself. */
  readonly redact?: (words: string) => string;
  /** Ends the start. */
  readonly signal?: AbortSignal | undefined;
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
  /** Settles when nothing more comes from its standard error. */
  readonly said: Promise<void>;
  readonly #process: PluginProcess;
  readonly #owned: AsyncDisposableStack;

  private constructor(
    { type, name }: StartOptions,
    process: PluginProcess,
    channel: Channel,
    services: ReadonlySet<string>,
    owned: AsyncDisposableStack,
  ) {
    this.type = type;
    this.name = name;
    this.pid = process.pid;
    this.exited = process.exited;
    this.said = process.said;
    this.#process = process;
    this.channel = channel;
    this.services = services;
    this.#owned = owned;
  }

  /**
   * Verifies, spawns, connects and initializes: after it only Configure is missing.
   *
   * @throws {StatusError} with the sentence of the step that failed, or Cancelled; the process is then gone.
   */
  static async start(options: StartOptions): Promise<RunningPlugin> {
    const { hostServices, logger, clock, limits = pluginLimits, redact, signal } = options;
    await using stack = new AsyncDisposableStack();
    const own = mkdtempSync(join(options.socketFolder, ownFolderPrefix));
    // What a process leaves that was killed: its socket, and more if it likes.
    stack.defer(() => rmSync(own, { recursive: true, force: true }));
    const seal = options.launch.sealed ? await Seal.make(clock.now()) : undefined;
    const launch = withVariables(await verify(options, stack), {
      // Its socket is where no other plugin's is.
      PLUGIN_UNIX_SOCKET_DIR: own,
      ...seal?.variables,
    });
    // Before the process, so that it outlives the process: a plugin may use it up to its last moment.
    const services = stack.use(HostServiceServer.create(hostServices, { ...options, socketFolder: own }));
    signal?.throwIfAborted();
    const process = stack.use(await PluginProcess.spawn(launch, { logger, clock, limits, redact }));
    const handshake = await process.handshake({ signal });
    const sealed = agreeOn(seal, handshake);
    await services.listen(sealed?.server);
    const credentials = sealed?.client;
    const link = stack.use(
      await PluginLink.open(handshake, {
        hostServicesAddress: services.address,
        credentials,
        logger,
        clock,
        limits,
      }),
    );
    void process.exited.then(() => link.abandon());
    try {
      const names = await link.init(
        hostServices.map(({ definition }) => definition.fullName),
        { signal },
      );
      return new RunningPlugin(options, process, link.channel, names, stack.move());
    } catch (error) {
      throw await process.explain(error, "while it was being initialized");
    }
  }

  /** The failure of a call, or the end of the process if that is what was behind it. */
  explain(error: unknown, when: string): Promise<StatusError> {
    return this.#process.explain(error, when);
  }

  /** Whether it writes more than is read at the moment. */
  get isFlooding(): boolean {
    return this.#process.isFlooding;
  }

  /** The end of what it said in no log's format. */
  get lastWords(): string {
    return this.#process.lastWords;
  }

  /** Ends it at once, with all it started: it has no say in it. */
  kill(): void {
    this.#process.kill();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#owned.disposeAsync();
  }
}

function withVariables(launch: Launch, variables: Launch["env"]): Launch {
  return { ...launch, env: { ...launch.env, ...variables } };
}

/** What to run once it is what it should be. */
async function verify({ launch, socketFolder }: StartOptions, stack: AsyncDisposableStack): Promise<Launch> {
  const { checksum, stored } = launch;
  if (stored !== undefined) return await verifyPackage(launch, stored, { socketFolder, stack });
  if (checksum === undefined) return launch;
  const { file, sha256, pinned } = checksum;
  if (!pinned) {
    await verifyChecksum(file, sha256);
    return launch;
  }
  const isProgram = file === launch.file;
  if (isProgram) requireExecutable(file);
  const copy = stack.use(await VerifiedCopy.make(file, { sha256, parent: socketFolder }));
  if (isProgram) copy.requireExecutable();
  return withFile(launch, file, copy.path);
}

async function verifyPackage(
  launch: Launch,
  stored: StoredPackage,
  { socketFolder, stack }: { readonly socketFolder: string; readonly stack: AsyncDisposableStack },
): Promise<Launch> {
  const copy = stack.use(await VerifiedTree.make(stored, { parent: socketFolder }));
  const moved = stored.tree.files.reduce(
    (moving, { path }) => withFile(moving, join(stored.folder, path), join(copy.folder, path)),
    launch,
  );
  if (moved.file !== launch.file) copy.requireExecutable(moved.file);
  const { checksum } = launch;
  if (checksum !== undefined) {
    const path = join(copy.folder, relative(stored.folder, checksum.file));
    await verifyChecksum(path, checksum.sha256, { named: checksum.file });
  }
  return moved;
}
