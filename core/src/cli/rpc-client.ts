import { existsSync } from "node:fs";
import { Code, codeName, StatusError } from "@finial/sdk";
import {
  type Channel,
  type Client,
  createClient,
  openChannel,
  type ServiceDefinition,
} from "@finial/sdk/internal";
import { credentials } from "@grpc/grpc-js";

/** Connects to a daemon's socket; the connection is made with the first call. */
export function openSocket(path: string): Channel {
  return openChannel(`unix:${path}`, credentials.createInsecure());
}

/** A client whose failures read as they do from SPIRE's commands: `rpc error: code = NotFound desc = …`. */
export function clientOf<D extends ServiceDefinition>(
  definition: D,
  channel: Channel,
  socketPath: string,
): Client<D> {
  const told = (error: unknown): StatusError => tellFailure(error, socketPath);
  const methods = Object.entries<(...args: never[]) => unknown>(createClient(definition, channel)).map(
    ([name, method]) => [
      name,
      (...args: never[]): unknown => {
        const result = method(...args);
        return result instanceof Promise
          ? result.catch((error: unknown) => {
              throw told(error);
            })
          : eachTold(result as AsyncIterable<unknown>, told);
      },
    ],
  );
  return Object.fromEntries(methods) as Client<D>;
}

async function* eachTold(
  stream: AsyncIterable<unknown>,
  told: (error: unknown) => StatusError,
): AsyncIterable<unknown> {
  try {
    yield* stream;
  } catch (error) {
    throw told(error);
  }
}

function tellFailure(error: unknown, socketPath: string): StatusError {
  const failure = StatusError.from(error);
  const { code, reason } = failure;
  const description =
    code === Code.Unavailable && !existsSync(socketPath)
      ? `there is no socket ${socketPath}: is the daemon running, and is this its socket?`
      : failure.message;
  // Go spells it with one l.
  const name = code === Code.Cancelled ? "Canceled" : codeName(code);
  return new StatusError(code, reason, `rpc error: code = ${name} desc = ${description}`, { cause: error });
}
