import {
  type ChannelCredentials,
  type ChannelOptions,
  type ClientDuplexStream,
  type ClientReadableStream,
  Client as GrpcClient,
  Metadata,
} from "@grpc/grpc-js";
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
import { fromGrpcError } from "./status.ts";

export interface CallOptions {
  /** Cancels the call. */
  readonly signal?: AbortSignal | undefined;
  readonly deadlineMs?: number | undefined;
  readonly metadata?: Readonly<Record<string, string>> | undefined;
}

/** Both directions of an open call. Leaving the iteration, or `cancel`, ends it. */
export interface Duplex<Request, Response> extends AsyncIterable<Response> {
  /** Resolves when the peer has room for more. */
  send(request: PartialMessage<Request>): Promise<void>;
  /** Half-closes: nothing more will be sent. */
  end(): void;
  cancel(): void;
}

type Invoke<M extends MethodDefinition> = M extends { requestStream: true }
  ? (options?: CallOptions) => Duplex<RequestOf<M>, ResponseOf<M>>
  : M extends { responseStream: true }
    ? (request: PartialMessage<RequestOf<M>>, options?: CallOptions) => AsyncIterable<ResponseOf<M>>
    : (request: PartialMessage<RequestOf<M>>, options?: CallOptions) => Promise<ResponseOf<M>>;

/** One method of the service each; every failure is a StatusError. */
export type Client<D extends ServiceDefinition> = {
  readonly [M in keyof D["methods"]]: Invoke<D["methods"][M]>;
};

/** A connection, made when first used and again when lost. Close it. */
export class Channel implements Disposable {
  readonly grpc: GrpcClient;

  constructor(grpc: GrpcClient) {
    this.grpc = grpc;
  }

  /** Calls in flight fail; later ones, too. */
  close(): void {
    this.grpc.close();
  }

  [Symbol.dispose](): void {
    this.close();
  }
}

/** @param target in gRPC's syntax, such as `unix:/run/x.sock` or `dns:///host:8081`. */
export function openChannel(
  target: string,
  credentials: ChannelCredentials,
  options: ChannelOptions = {},
): Channel {
  return new Channel(
    new GrpcClient(target, credentials, {
      "grpc.max_receive_message_length": -1,
      // No proxy for what is local or pinned by address; a re-used socket path is another process.
      "grpc.enable_http_proxy": 0,
      "grpc.use_local_subchannel_pool": 1,
      // Nobody can ask for its counts. A server needs it: without, grpc-js does not close the connections of one that is shut down.
      "grpc.enable_channelz": 0,
      ...options,
    }),
  );
}

export function createClient<D extends ServiceDefinition>(definition: D, channel: Channel): Client<D> {
  const methods = Object.entries(definition.methods).map(([key, method]) => {
    const path = methodPath(definition, method);
    if (method.requestStream) return [key, bidi(channel.grpc, path, method)];
    return [
      key,
      method.responseStream ? serverStream(channel.grpc, path, method) : unary(channel.grpc, path, method),
    ];
  });
  return Object.fromEntries(methods) as Client<D>;
}

function unary(client: GrpcClient, path: string, method: MethodDefinition) {
  const serialize = (message: unknown): Buffer => encodeMessage(method.requestType, message);
  const deserialize = (bytes: Buffer): unknown => method.responseType.decode(bytes);
  return (request: unknown, options: CallOptions = {}): Promise<unknown> =>
    new Promise((resolve, reject) => {
      const { signal } = options;
      if (signal?.aborted) {
        reject(StatusError.from(signal.reason));
        return;
      }
      const abort = (): void => call.cancel();
      const call = client.makeUnaryRequest(
        path,
        serialize,
        deserialize,
        request,
        metadataOf(options),
        deadlineOf(options),
        (error, response) => {
          signal?.removeEventListener("abort", abort);
          if (error) reject(fromGrpcError(error));
          else resolve(response);
        },
      );
      signal?.addEventListener("abort", abort);
    });
}

function serverStream(client: GrpcClient, path: string, method: MethodDefinition) {
  const serialize = (message: unknown): Buffer => encodeMessage(method.requestType, message);
  const deserialize = (bytes: Buffer): unknown => method.responseType.decode(bytes);
  return (request: unknown, options: CallOptions = {}): AsyncIterable<unknown> => {
    const call = client.makeServerStreamRequest(
      path,
      serialize,
      deserialize,
      request,
      metadataOf(options),
      deadlineOf(options),
    );
    return responsesOf(call, options.signal);
  };
}

function bidi(client: GrpcClient, path: string, method: MethodDefinition) {
  const serialize = (message: unknown): Buffer => encodeMessage(method.requestType, message);
  const deserialize = (bytes: Buffer): unknown => method.responseType.decode(bytes);
  return (options: CallOptions = {}): Duplex<unknown, unknown> => {
    const call = client.makeBidiStreamRequest(
      path,
      serialize,
      deserialize,
      metadataOf(options),
      deadlineOf(options),
    );
    const responses = responsesOf(call, options.signal);
    return {
      send: (request) => send(call, request),
      end: () => call.end(),
      cancel: () => call.cancel(),
      [Symbol.asyncIterator]: () => responses[Symbol.asyncIterator](),
    };
  };
}

/** A failed write says nothing itself: the reading side learns the call's status. */
async function send(call: ClientDuplexStream<unknown, unknown>, request: unknown): Promise<void> {
  if (call.destroyed || call.write(request)) return;
  await new Promise<void>((resolve) => {
    const settle = (): void => {
      call.off("drain", settle);
      call.off("close", settle);
      call.off("error", settle);
      resolve();
    };
    call.on("drain", settle);
    call.on("close", settle);
    call.on("error", settle);
  });
}

type ReadableCall = ClientReadableStream<unknown> | ClientDuplexStream<unknown, unknown>;

/**
 * The responses of a call, one at a time, so that a slow reader slows the sender.
 * The call is cancelled when the reader leaves or the signal aborts.
 */
function responsesOf(call: ReadableCall, signal: AbortSignal | undefined): AsyncIterable<unknown> {
  const arrived: unknown[] = [];
  let ended = false;
  let failure: StatusError | undefined;
  let wake = (): void => {};
  const abort = (): void => call.cancel();
  if (signal?.aborted) call.cancel();
  else signal?.addEventListener("abort", abort);
  const settle = (): void => {
    signal?.removeEventListener("abort", abort);
    wake();
  };
  call.on("data", (message: unknown) => {
    arrived.push(message);
    call.pause();
    wake();
  });
  call.on("error", (error: unknown) => {
    failure = fromGrpcError(error);
    settle();
  });
  call.on("end", () => {
    ended = true;
    settle();
  });
  call.pause();
  async function* read(): AsyncGenerator<unknown> {
    try {
      for (;;) {
        if (arrived.length > 0) yield arrived.shift();
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
      signal?.removeEventListener("abort", abort);
      if (!ended && failure === undefined) call.cancel();
    }
  }
  return { [Symbol.asyncIterator]: read };
}

function metadataOf(options: CallOptions): Metadata {
  const metadata = new Metadata();
  for (const [name, value] of Object.entries(options.metadata ?? {})) metadata.set(name, value);
  return metadata;
}

function deadlineOf(options: CallOptions): { deadline?: number } {
  return options.deadlineMs === undefined ? {} : { deadline: Date.now() + options.deadlineMs };
}
