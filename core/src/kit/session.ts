import { type ConnInfo, GRPCBrokerDefinition } from "@finial/proto/goplugin/broker";
import { GRPCControllerDefinition } from "@finial/proto/goplugin/controller";
import { ConfigDefinition } from "@finial/proto/plugin/service/config/v1/config";
import { InitDefinition } from "@finial/proto/plugin/service/init/v1/init";
import { Code, StatusError } from "@finial/sdk";
import {
  type Channel,
  type Client,
  createClient,
  type Duplex,
  hostServicesId,
  openChannel,
  type ServiceDefinition,
  targetOf,
} from "@finial/sdk/internal";
import { credentials } from "@grpc/grpc-js";
import { HostServiceServer } from "../kernel/pluginhost/host-services.ts";
import { describeExit } from "../kernel/pluginhost/plugin-process.ts";
import { Flaw } from "./flaw.ts";
import { requireHandshake } from "./handshake.ts";
import type { Lab } from "./lab.ts";
import type { Probe } from "./probe.ts";

/** A plugin's process with a connection to it, step by step as a host makes it. Disposing of it kills it. */
export class Session implements AsyncDisposable {
  readonly probe: Probe;
  readonly channel: Channel;
  readonly socket: string;
  /** Empty before Init. */
  services: ReadonlySet<string> = new Set();
  isConfigured = false;
  readonly #lab: Lab;
  readonly #owned: AsyncDisposableStack;
  readonly #broker: Duplex<ConnInfo, ConnInfo>;
  #brokerEnd: StatusError | "ended" | undefined;

  private constructor(
    lab: Lab,
    probe: Probe,
    { channel, socket, owned }: { channel: Channel; socket: string; owned: AsyncDisposableStack },
  ) {
    this.#lab = lab;
    this.probe = probe;
    this.channel = channel;
    this.socket = socket;
    this.#owned = owned;
    const broker = createClient(GRPCBrokerDefinition, channel).startStream();
    this.#broker = broker;
    owned.defer(() => broker.cancel());
    void this.#watchBroker();
  }

  /**
   * Up to Init, which is not called.
   *
   * @throws {Flaw} of its handshake.
   */
  static async open(lab: Lab): Promise<Session> {
    await using stack = new AsyncDisposableStack();
    const { name } = lab.target;
    const host = stack.use(
      await HostServiceServer.start([], { type: lab.cookie ?? "", name, socketFolder: lab.socketFolder }),
    );
    const probe = stack.use(await lab.probe());
    const handshake = await requireHandshake(probe, { startMs: lab.patienceMs, cookie: lab.cookie });
    const channel = stack.use(openChannel(targetOf(handshake), credentials.createInsecure()));
    const session = new Session(lab, probe, { channel, socket: handshake.address, owned: stack.move() });
    await session.#broker.send({ serviceId: hostServicesId, network: "unix", address: host.address });
    return session;
  }

  /** How the broker's stream has ended; undefined while it is open, as it should be. */
  get brokerEnd(): StatusError | "ended" | undefined {
    return this.#brokerEnd;
  }

  client<D extends ServiceDefinition>(definition: D): Client<D> {
    return createClient(definition, this.channel);
  }

  /** @throws {Flaw} when it does not answer. */
  async init(hostServiceNames: readonly string[] = []): Promise<ReadonlySet<string>> {
    const call = this.client(InitDefinition).init(
      { hostServiceNames: [...hostServiceNames] },
      { deadlineMs: this.#lab.patienceMs },
    );
    const { pluginServiceNames } = await this.answer("Init", call).catch((error: unknown) => {
      if (StatusError.from(error).code !== Code.Unimplemented) throw error;
      throw new Flaw({
        reason: "NO_INIT",
        what: "the plugin does not offer spire.service.private.init.v1.Init.",
        why: "Init is the first call of every host: it tells which services there are.",
        mend: "Add the Init service to the gRPC server, with Init and Deinit.",
      });
    });
    this.services = new Set(pluginServiceNames);
    return this.services;
  }

  get offersConfig(): boolean {
    return this.services.has(ConfigDefinition.fullName);
  }

  async configure(text: string = this.#lab.config()): Promise<void> {
    await this.answer(
      "Configure",
      this.client(ConfigDefinition).configure(this.#configuration(text), this.deadline),
    );
  }

  async validate(text: string): Promise<{ readonly valid: boolean; readonly notes: readonly string[] }> {
    return await this.answer(
      "Validate",
      this.client(ConfigDefinition).validate(this.#configuration(text), this.deadline),
    );
  }

  #configuration(hclConfiguration: string) {
    return { coreConfiguration: { trustDomain: this.#lab.trustDomain }, hclConfiguration };
  }

  get deadline(): { readonly deadlineMs: number } {
    return { deadlineMs: this.#lab.patienceMs };
  }

  /**
   * What a call gives.
   *
   * @throws {StatusError} as the plugin refuses; {Flaw} when it hangs, or the process ends.
   */
  async answer<T>(name: string, call: Promise<T>): Promise<T> {
    try {
      return await call;
    } catch (error) {
      const status = StatusError.from(error);
      if (status.code === Code.DeadlineExceeded) throw this.#hang(name);
      if (status.code === Code.Unavailable) await this.requireAlive(name, status.message);
      throw status;
    }
  }

  #hang(name: string): Flaw {
    return new Flaw({
      reason: name === "Init" ? "INIT_HANG" : "HANG",
      what: `${name} is not answered within ${this.#lab.patienceMs / 1000} s.`,
      why:
        name === "Init"
          ? "The host waits for Init before anything else: the daemon would not start."
          : "Whoever needs the answer waits with it; a host ends the plugin that does not answer.",
      mend: "Answer, or fail with a status, whatever happens: look for a lock, a wait or a handler that never returns.",
    });
  }

  /** @throws {Flaw} when the process has ended, or hung up, at this call. */
  async requireAlive(name: string, words = "the connection was lost"): Promise<void> {
    if (await this.probe.endsWithin(300)) {
      const exit = describeExit(await this.probe.exited);
      throw new Flaw({
        reason: "CRASH",
        what: `the plugin ended at ${name} (${exit}); its last words: ${this.probe.lastWords || "none"}.`,
        why: "With it go its calls in flight and all that it holds in memory; the host has to start it again.",
        mend: "Let a handler fail with a status: no input of a caller may end the process.",
      });
    }
    if (words === "") return;
    throw new Flaw({
      reason: "NOT_GRPC",
      what: `${name} fails although the process lives: ${words}.`,
      why: "The host speaks gRPC, that is HTTP/2 without TLS, at this socket.",
      mend: "Serve all services of the plugin with one gRPC server on the socket that the handshake names.",
    });
  }

  /** Asks it to end, as a host does. @returns whether it knows how. */
  async shutdown(deadlineMs: number): Promise<boolean> {
    try {
      await this.client(GRPCControllerDefinition).shutdown({}, { deadlineMs });
    } catch (error) {
      if (StatusError.from(error).code === Code.Unimplemented) return false;
      // It may be gone before its answer has left, and its answer is of no interest.
    }
    return true;
  }

  async #watchBroker(): Promise<void> {
    try {
      for await (const _ of this.#broker);
      this.#brokerEnd = "ended";
    } catch (error) {
      this.#brokerEnd = StatusError.from(error);
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#owned.disposeAsync();
  }
}
