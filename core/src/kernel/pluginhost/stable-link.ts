import { type Clock, Code, StatusError } from "@finial/sdk";
import {
  type CallOptions,
  type Channel,
  type Client,
  createClient,
  type Duplex,
  type MethodDefinition,
  type ServiceDefinition,
} from "@finial/sdk/internal";
import { connectivityState } from "@grpc/grpc-js";
import { within } from "../lifecycle/within.ts";
import { Gauge } from "./gauge.ts";

/** More would only fill the memory. */
const defaultMaxCalls = 4096;
/** A call that ends its plugin ends no more of its processes than are replaced at once. */
const maxAttempts = 3;
/** How long a call without a deadline waits for a plugin that is away. */
const patienceMs = 5000;
/** The end of a process is seen a moment after that of its connection. */
const endGraceMs = { lost: 1000, connected: 50 };

/** A call as it is named on the wire. */
export interface CallName {
  readonly service: string;
  readonly method: string;
}

export interface StableLinkOptions {
  /** For messages: `KeyManager "disk"`. */
  readonly title: string;
  /** Whether a call may be made again when it is not known what became of it. */
  readonly mayRepeat: (call: CallName) => boolean;
  /** Told of something that no plugin may do, in a sentence. */
  readonly onFault: (fault: string) => void;
  /** Takes out of a failure what nobody is to read. */
  readonly redact?: (failure: unknown) => unknown;
  /** With those that wait for the plugin to come back; more are refused. */
  readonly maxCallsInFlight?: number;
  readonly clock: Clock;
}

/** A plugin whose calls wait, while another process of it takes over. */
export interface Held {
  /** The calls go to the process that there was, if it still is. */
  resume(): void;
  /** What is still on its way to it fails, or is asked of the other where that does no harm. */
  end(how: string): void;
  /** Resolves when nothing is on its way to it any more but calls that may go on for ever. */
  readonly quiet: Promise<void>;
}

/** The connection to the process that the plugin is at the moment. */
interface Up {
  readonly channel: Channel;
  readonly unaries: Gauge;
  readonly streams: Gauge;
  readonly clients: Map<ServiceDefinition, Client<ServiceDefinition>>;
  /** Resolves with what became of it. */
  readonly over: Promise<string>;
  readonly end: (how: string) => void;
}

type AnyCall = (first?: unknown, second?: unknown) => unknown;

/**
 * Calls to a plugin, whichever process it is by then. While there is none they wait, within their deadlines; what was on its way
 * when a process ended is asked of the next one where that does no harm, and fails otherwise with what became of the plugin.
 */
export class StableLink {
  readonly #options: StableLinkOptions;
  /** In flight, with those that wait. */
  readonly #calls = new Gauge();
  #up: Up | undefined;
  #next = Promise.withResolvers<Up>();
  /** To which calls went before they were held. */
  #holding: Up | undefined;
  #away: { readonly how: string; readonly sinceMs: number; readonly nextStart: Date } | undefined;

  constructor(options: StableLinkOptions) {
    this.#options = options;
  }

  /** From now on calls go to this process. */
  connect(channel: Channel): void {
    const { promise: over, resolve: end } = Promise.withResolvers<string>();
    // An upgrade may find another process than it held.
    this.#up?.end("another process took its place");
    this.#goOn({ channel, unaries: new Gauge(), streams: new Gauge(), clients: new Map(), over, end });
  }

  #goOn(up: Up): void {
    this.#away = undefined;
    this.#holding = undefined;
    this.#up = up;
    this.#next.resolve(up);
  }

  /**
   * From now on calls wait, but for those that are on their way. Streams go on.
   *
   * @returns when no unary call is on its way any more; undefined when that took too long, and calls go on as before.
   * @throws {StatusError} Unavailable `PLUGIN_AWAY` while there is no process.
   */
  async hold(limitMs: number): Promise<Held | undefined> {
    const up = this.#up;
    if (up === undefined) throw isAway(this.#away?.how ?? "it has not started yet");
    const nowMs = this.#nowMs();
    this.#holding = up;
    this.#up = undefined;
    this.#next = Promise.withResolvers();
    this.#away = { how: "it is being upgraded", sinceMs: nowMs, nextStart: new Date(nowMs) };
    const resume = (): void => {
      if (this.#holding === up) this.#goOn(up);
    };
    const idle = up.unaries.empty.then((): true => true);
    if ((await within(idle, limitMs, { clock: this.#options.clock })) === undefined) {
      resume();
      return undefined;
    }
    return { resume, end: up.end, quiet: up.streams.empty };
  }

  /**
   * From now on calls wait.
   *
   * @param how it came, in words.
   * @param nextStart when the plugin is started again.
   */
  disconnect(how: string, nextStart: Date): void {
    if (this.#up !== undefined) this.#next = Promise.withResolvers();
    (this.#up ?? this.#holding)?.end(how);
    this.#up = undefined;
    this.#holding = undefined;
    const sinceMs = this.#away?.sinceMs ?? this.#nowMs();
    this.#away = { how, sinceMs, nextStart };
  }

  /** Holds for as long as the plugin does. */
  client<D extends ServiceDefinition>(definition: D): Client<D> {
    const methods = Object.entries(definition.methods).map(([key, method]) => [
      key,
      method.requestStream
        ? this.#duplex(definition, key, method)
        : method.responseStream
          ? this.#serverStream(definition, key, method)
          : this.#unary(definition, key, method),
    ]);
    return Object.fromEntries(methods) as Client<D>;
  }

  #unary(definition: ServiceDefinition, key: string, method: MethodDefinition): AnyCall {
    return async (request, given) => {
      const options = (given ?? {}) as CallOptions;
      const leave = this.#enter();
      try {
        const deadline = this.#deadlineOf(options);
        for (let attempt = 1; ; attempt++) {
          const up = this.#up ?? (await this.#untilUp(deadline, options.signal));
          const over = up.unaries.enter();
          try {
            return await methodOf(up, definition, key)(request, this.#remaining(options, deadline));
          } catch (error) {
            const loss = await this.#lossOf(up, error, options.signal);
            const again = this.#mayTryAgain(loss, definition, method);
            if (!again || attempt === maxAttempts) throw this.#shown(loss?.error ?? error);
          } finally {
            over();
          }
        }
      } finally {
        leave();
      }
    };
  }

  /** Opened when it is first read. Once something has come it is not opened again: its reader has to. */
  #serverStream(definition: ServiceDefinition, key: string, method: MethodDefinition): AnyCall {
    const link = this;
    return async function* (request, given) {
      const options = (given ?? {}) as CallOptions;
      const leave = link.#enter();
      try {
        const deadline = link.#deadlineOf(options);
        for (let attempt = 1; ; attempt++) {
          const up = link.#up ?? (await link.#untilUp(deadline, options.signal));
          let begun = false;
          const over = up.streams.enter();
          try {
            const stream = methodOf(up, definition, key)(request, link.#remaining(options, deadline));
            for await (const message of stream as AsyncIterable<unknown>) {
              begun = true;
              yield message;
            }
            return;
          } catch (error) {
            const loss = await link.#lossOf(up, error, options.signal);
            const again = !begun && link.#mayTryAgain(loss, definition, method);
            if (!again || attempt === maxAttempts) throw link.#shown(loss?.error ?? error);
          } finally {
            over();
          }
        }
      } finally {
        leave();
      }
    };
  }

  /** Never opened again by itself: what was sent is its owner's to send again. */
  #duplex(definition: ServiceDefinition, key: string, _method: MethodDefinition): AnyCall {
    return (given) => {
      const options = (given ?? {}) as CallOptions;
      const leave = this.#enter();
      const left = new AbortController();
      const deadline = this.#deadlineOf(options);
      const open = (up: Up) => {
        try {
          const call = methodOf(up, definition, key)(this.#remaining(options, deadline));
          return { up, call: call as Duplex<unknown, unknown> };
        } catch (error) {
          leave();
          throw error;
        }
      };
      let opened = this.#up && open(this.#up);
      const opening = opened
        ? Promise.resolve(opened)
        : this.#untilUp(deadline, eitherOf(options.signal, left.signal)).then((up) => {
            opened = open(up);
            // Too late for the wait to be given up.
            if (left.signal.aborted) opened.call.cancel();
            return opened;
          });
      opening.catch(leave);
      // Who reads learns what went wrong.
      const withCall = async (use: (call: Duplex<unknown, unknown>) => unknown): Promise<void> => {
        await opening.then(({ call }) => use(call)).catch(() => undefined);
      };
      return {
        send: (request: never) =>
          opened === undefined ? withCall((call) => call.send(request)) : opened.call.send(request),
        end: () => (opened === undefined ? void withCall((call) => call.end()) : opened.call.end()),
        cancel: () => {
          left.abort();
          leave();
          opened?.call.cancel();
        },
        [Symbol.asyncIterator]: () => this.#responsesOf(opening, options.signal, leave),
      };
    };
  }

  #responsesOf(
    opening: Promise<{ readonly up: Up; readonly call: Duplex<unknown, unknown> }>,
    signal: AbortSignal | undefined,
    leave: () => void,
  ): AsyncIterator<unknown> {
    let responses: AsyncIterator<unknown> | undefined;
    return {
      next: async () => {
        const { up, call } = await opening;
        responses ??= call[Symbol.asyncIterator]();
        try {
          const result = await responses.next();
          if (result.done) leave();
          return result;
        } catch (error) {
          leave();
          throw this.#shown((await this.#lossOf(up, error, signal))?.error ?? error);
        }
      },
      return: async () => {
        leave();
        const opened = await opening.catch(() => undefined);
        responses ??= opened?.call[Symbol.asyncIterator]();
        await responses?.return?.();
        return { done: true, value: undefined };
      },
    };
  }

  /** @returns to be called when it is over, once or more often. */
  #enter(): () => void {
    const { title, maxCallsInFlight: most = defaultMaxCalls } = this.#options;
    if (this.#calls.count >= most)
      throw new StatusError(
        Code.ResourceExhausted,
        "PLUGIN_BUSY",
        `plugin ${title} has ${most} calls in flight, and no more are made`,
      );
    return this.#calls.enter();
  }

  /** @throws {StatusError} Unavailable `PLUGIN_AWAY` as soon as it is clear that it will not be there in time; Cancelled. */
  async #untilUp(deadlineMs: number | undefined, signal: AbortSignal | undefined): Promise<Up> {
    const { clock } = this.#options;
    for (;;) {
      if (this.#up !== undefined) return this.#up;
      signal?.throwIfAborted();
      const away = this.#away;
      const untilMs = deadlineMs ?? (away?.sinceMs ?? this.#nowMs()) + patienceMs;
      const waitMs = untilMs - this.#nowMs();
      if (waitMs <= 0 || (away !== undefined && away.nextStart.getTime() > untilMs))
        throw isAway(away?.how ?? "it has not started yet");
      // Looked at again now and then: when the next start is may have changed.
      const slice = Math.min(waitMs, patienceMs);
      const up = await within(this.#next.promise, slice, { clock, signal });
      if (up !== undefined && up === this.#up) return up;
    }
  }

  /** What became of the process that a call failed with; undefined when the failure is the call's own. */
  async #lossOf(
    up: Up,
    thrown: unknown,
    signal: AbortSignal | undefined,
  ): Promise<{ readonly error: StatusError; readonly unsent: boolean } | undefined> {
    const error = StatusError.from(thrown);
    const { onFault, clock } = this.#options;
    const isTooLarge =
      error.code === Code.ResourceExhausted && error.message.startsWith("Received message larger than max");
    // Of a process that is gone, or is going, nobody else has to answer for it.
    if (isTooLarge && up === this.#up) onFault(`it sent a message that is too large: ${error.message}`);
    if (signal?.aborted || !lossCodes.has(error.code)) return undefined;
    const isConnected =
      error.code !== Code.Unavailable ||
      up.channel.grpc.getChannel().getConnectivityState(false) === connectivityState.READY;
    const graceMs = up === this.#up ? (isConnected ? endGraceMs.connected : endGraceMs.lost) : 0;
    const how = await within(up.over, graceMs, { clock });
    if (how === undefined) return undefined;
    const message = `plugin ended while it was asked (${how})`;
    return {
      error: new StatusError(Code.Unavailable, "PLUGIN_EXITED", message, { cause: error }),
      unsent: error.message.startsWith("connection error: ") || error.message === closedChannel,
    };
  }

  #shown(failure: unknown): unknown {
    const { redact } = this.#options;
    return redact === undefined ? failure : redact(failure);
  }

  #mayTryAgain(
    loss: { readonly unsent: boolean } | undefined,
    definition: ServiceDefinition,
    method: MethodDefinition,
  ): boolean {
    if (loss === undefined) return false;
    return loss.unsent || this.#options.mayRepeat({ service: definition.fullName, method: method.name });
  }

  #deadlineOf({ deadlineMs }: CallOptions): number | undefined {
    return deadlineMs === undefined ? undefined : this.#nowMs() + deadlineMs;
  }

  #remaining(options: CallOptions, deadline: number | undefined): CallOptions {
    return deadline === undefined
      ? options
      : { ...options, deadlineMs: Math.max(1, deadline - this.#nowMs()) };
  }

  #nowMs(): number {
    return this.#options.clock.now().getTime();
  }
}

/** What grpc-js says of a channel that its owner has closed. */
const closedChannel = "Channel has been shut down";
/** What a call fails with when its connection breaks. */
const lossCodes: ReadonlySet<Code> = new Set([Code.Unavailable, Code.Cancelled, Code.Internal, Code.Unknown]);

function isAway(how: string): StatusError {
  return new StatusError(Code.Unavailable, "PLUGIN_AWAY", `plugin is not running (${how})`);
}

function methodOf(up: Up, definition: ServiceDefinition, key: string): AnyCall {
  let client = up.clients.get(definition);
  if (client === undefined) {
    client = createClient(definition, up.channel);
    up.clients.set(definition, client);
  }
  return client[key] as AnyCall;
}

function eitherOf(one: AbortSignal | undefined, other: AbortSignal): AbortSignal {
  return one === undefined ? other : AbortSignal.any([one, other]);
}
