import type { EventEmitter } from "node:events";
import type {
  handleBidiStreamingCall,
  handleServerStreamingCall,
  handleUnaryCall,
  Server,
  ServerDuplexStream,
  ServerReadableStream,
  ServerUnaryCall,
  ServerWritableStream,
  UntypedHandleCall,
} from "@grpc/grpc-js";
import { Code } from "../status/code.ts";
import { StatusError } from "../status/status-error.ts";
import {
  encodeMessage,
  type MethodDefinition,
  methodPath,
  type PartialMessage,
  type RequestOf,
  type ResponseOf,
  type ServiceDefinition,
} from "./definition.ts";
import { toGrpcStatus } from "./status.ts";

/** What a handler knows of its call besides the request. */
export interface CallContext {
  /** Aborts when the caller cancels, goes away or runs out of time. */
  readonly signal: AbortSignal;
  /** What the caller sent along; `:authority` is what it called us. */
  readonly metadata: { get(name: string): readonly string[] };
  /** The connection's remote address, as the listener named it. */
  readonly peer: string;
  /** `/package.Service/Method`. */
  readonly method: string;
  /** Interceptors leave their findings here, by a key of their own. */
  readonly values: Map<unknown, unknown>;
}

type Handler<M extends MethodDefinition> = M extends { requestStream: true }
  ? (
      requests: AsyncIterable<RequestOf<M>>,
      context: CallContext,
    ) => AsyncIterable<PartialMessage<ResponseOf<M>>>
  : M extends { responseStream: true }
    ? (request: RequestOf<M>, context: CallContext) => AsyncIterable<PartialMessage<ResponseOf<M>>>
    : (
        request: RequestOf<M>,
        context: CallContext,
      ) => Promise<PartialMessage<ResponseOf<M>>> | PartialMessage<ResponseOf<M>>;

/** One handler a method of the service. */
export type Handlers<D extends ServiceDefinition> = {
  readonly [M in keyof D["methods"]]: Handler<D["methods"][M]>;
};

/**
 * Stands around a call. Throwing refuses it; after `next` it has succeeded, unless `next` throws.
 *
 * @param request the message of unary and server-streaming calls, else undefined.
 */
export type Interceptor = (
  context: CallContext,
  next: () => Promise<void>,
  request: unknown,
) => Promise<void>;

type AnyCall =
  | ServerUnaryCall<unknown, unknown>
  | ServerReadableStream<unknown, unknown>
  | ServerWritableStream<unknown, unknown>
  | ServerDuplexStream<unknown, unknown>;

/** One for all calls: every stream ends by it, and an exception of its own for each would cost more than the rest of the end. */
const cancelled = new StatusError(Code.Cancelled, "CANCELLED", "context canceled");

class Call implements CallContext {
  readonly method: string;
  readonly #call: AnyCall;
  #values: Map<unknown, unknown> | undefined;
  #abort: AbortController | undefined;

  constructor(call: AnyCall, method: string) {
    this.#call = call;
    this.method = method;
  }

  get peer(): string {
    return this.#call.getPeer();
  }

  get metadata(): { get(name: string): readonly string[] } {
    return {
      // Which grpc-js keeps apart.
      get: (name) =>
        name === ":authority" ? [this.#call.getHost()] : this.#call.metadata.get(name).map(String),
    };
  }

  get values(): Map<unknown, unknown> {
    this.#values ??= new Map();
    return this.#values;
  }

  // Made on first use: most unary calls never look at it.
  get signal(): AbortSignal {
    if (this.#abort === undefined) {
      const abort = new AbortController();
      this.#abort = abort;
      if (this.#call.cancelled) abort.abort(cancelled);
      else (this.#call as EventEmitter).once("cancelled", () => abort.abort(cancelled));
    }
    return this.#abort.signal;
  }
}

/**
 * Adds a service to a server. Methods without a handler answer UNIMPLEMENTED.
 *
 * A thrown StatusError becomes the call's status; anything else becomes UNKNOWN with its message.
 */
export function addService<D extends ServiceDefinition>(
  server: Server,
  definition: D,
  handlers: Partial<Handlers<D>>,
  options: { readonly interceptors?: readonly Interceptor[] } = {},
): void {
  const interceptors = options.interceptors ?? [];
  const methods = Object.entries(definition.methods).map(([key, method]) => {
    const path = methodPath(definition, method);
    const handler = handlers[key] as unknown as GenericHandler | undefined;
    return [key, { path, method, handler }] as const;
  });
  const service = Object.fromEntries(
    methods.map(([key, { path, method }]) => [
      key,
      {
        path,
        requestStream: method.requestStream,
        responseStream: method.responseStream,
        requestSerialize: (message: unknown) => encodeMessage(method.requestType, message),
        requestDeserialize: (bytes: Buffer) => method.requestType.decode(bytes),
        responseSerialize: (message: unknown) => encodeMessage(method.responseType, message),
        responseDeserialize: (bytes: Buffer) => method.responseType.decode(bytes),
      },
    ]),
  );
  const implementation = Object.fromEntries(
    methods.flatMap(([key, { path, method, handler }]) =>
      handler === undefined ? [] : [[key, serve(path, method, handler, interceptors)]],
    ),
  );
  server.addService(service, implementation);
}

type GenericHandler = (request: unknown, context: CallContext) => unknown;

function serve(
  path: string,
  method: MethodDefinition,
  handler: GenericHandler,
  interceptors: readonly Interceptor[],
): UntypedHandleCall {
  if (method.requestStream) {
    const bidi: handleBidiStreamingCall<unknown, unknown> = (call) => {
      const context = new Call(call, path);
      const produce = (): AsyncIterable<unknown> =>
        handler(requestsOf(call), context) as AsyncIterable<unknown>;
      void stream(call, context, interceptors, undefined, produce);
    };
    return bidi;
  }
  if (method.responseStream) {
    const serverStream: handleServerStreamingCall<unknown, unknown> = (call) => {
      const context = new Call(call, path);
      const produce = (): AsyncIterable<unknown> => handler(call.request, context) as AsyncIterable<unknown>;
      void stream(call, context, interceptors, call.request, produce);
    };
    return serverStream;
  }
  const unary: handleUnaryCall<unknown, unknown> = async (call, callback) => {
    const context = new Call(call, path);
    let response: unknown;
    try {
      const answer = async (): Promise<void> => {
        response = await handler(call.request, context);
      };
      await (interceptors.length === 0 ? answer() : around(interceptors, context, call.request, answer));
    } catch (error) {
      callback(toGrpcStatus(error));
      return;
    }
    callback(null, response);
  };
  return unary;
}

/** Runs the interceptors, outermost first, around the innermost step. */
async function around(
  interceptors: readonly Interceptor[],
  context: CallContext,
  request: unknown,
  innermost: () => Promise<void>,
): Promise<void> {
  const run = async (index: number): Promise<void> => {
    const interceptor = interceptors[index];
    await (interceptor === undefined ? innermost() : interceptor(context, () => run(index + 1), request));
  };
  await run(0);
}

async function stream(
  call: ServerWritableStream<unknown, unknown> | ServerDuplexStream<unknown, unknown>,
  context: Call,
  interceptors: readonly Interceptor[],
  request: unknown,
  produce: () => AsyncIterable<unknown>,
): Promise<void> {
  try {
    await around(interceptors, context, request, async () => {
      for await (const response of produce()) {
        if (call.cancelled) return;
        if (!call.write(response)) await drained(call);
      }
    });
    call.end();
  } catch (error) {
    // grpc-js turns the event into the call's status; after a cancel there is nobody left to tell.
    if (!call.cancelled) call.emit("error", toGrpcStatus(error));
  }
}

/** Waits until the caller has taken what was written, or is gone. */
async function drained(
  call: ServerWritableStream<unknown, unknown> | ServerDuplexStream<unknown, unknown>,
): Promise<void> {
  if (call.cancelled) return;
  await new Promise<void>((resolve) => {
    const settle = (): void => {
      call.off("drain", settle);
      call.off("cancelled", settle);
      call.off("close", settle);
      resolve();
    };
    call.on("drain", settle);
    call.on("cancelled", settle);
    call.on("close", settle);
  });
}

/** The caller's messages; ends when the caller half-closes, throws Cancelled when it goes away. */
async function* requestsOf(call: ServerDuplexStream<unknown, unknown>): AsyncGenerator<unknown> {
  const arrived: unknown[] = [];
  let ended = false;
  let failure: StatusError | undefined;
  let wake = (): void => {};
  const on = {
    data: (message: unknown): void => {
      arrived.push(message);
      call.pause();
      wake();
    },
    end: (): void => {
      // A reset ends the stream, too, and is told apart from a half-close only a turn later.
      setImmediate(() => {
        ended = true;
        wake();
      });
    },
    cancelled: (): void => {
      failure = new StatusError(Code.Cancelled, "CANCELLED", "context canceled");
      wake();
    },
    error: (error: unknown): void => {
      failure = StatusError.from(error);
      wake();
    },
  };
  for (const [event, listener] of Object.entries(on)) call.on(event, listener);
  // The caller may have left before the handler came to read.
  if (call.cancelled) on.cancelled();
  try {
    for (;;) {
      const message = arrived.shift();
      if (message !== undefined) yield message;
      else if (failure !== undefined) throw failure;
      else if (ended) return;
      else {
        const woken = new Promise<void>((resolve) => {
          wake = resolve;
        });
        call.resume();
        await woken;
      }
    }
  } finally {
    for (const [event, listener] of Object.entries(on)) call.off(event, listener);
    // What comes now nobody wants; a paused stream would hold the connection's window.
    call.resume();
  }
}
