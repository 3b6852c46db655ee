import { Code, codeName, StatusError } from "@finial/sdk";
import type { MethodDefinition, ServiceDefinition } from "@finial/sdk/internal";
import { fromGrpcError } from "@finial/sdk/internal";
import { Metadata } from "@grpc/grpc-js";
import type { Session } from "./session.ts";

/** How a call ended, with whatever bytes it brought: the kit asks for no more than an answer. */
export type Outcome = "answered" | "open" | StatusError;

/** A stream may stay open for as long as its caller does: what has not ended by then is one. */
const streamPatienceMs = 1000;

/**
 * Sends one message, of any bytes, to a method of any shape.
 *
 * @throws {Flaw} when a unary call hangs, or the process ends.
 */
export async function callMethod(
  session: Session,
  service: ServiceDefinition,
  method: MethodDefinition,
  request: Buffer,
): Promise<Outcome> {
  const path = `/${service.fullName}/${method.name}`;
  const isStream = method.requestStream || method.responseStream;
  const call = isStream ? streamOutcome(session, path, request) : unaryOutcome(session, path, request);
  try {
    await session.answer(method.name, call.then(rejectIfRefused));
    return await call;
  } catch (error) {
    if (error instanceof StatusError) return error;
    throw error;
  }
}

function rejectIfRefused(outcome: Outcome): void {
  if (outcome instanceof StatusError) throw outcome;
}

const same = (bytes: Buffer): Buffer => bytes;

function unaryOutcome(session: Session, path: string, request: Buffer): Promise<Outcome> {
  return new Promise((resolve) => {
    session.channel.grpc.makeUnaryRequest(
      path,
      same,
      same,
      request,
      new Metadata(),
      { deadline: Date.now() + session.deadline.deadlineMs },
      (error) => resolve(error ? fromGrpcError(error) : "answered"),
    );
  });
}

function streamOutcome(session: Session, path: string, request: Buffer): Promise<Outcome> {
  return new Promise((resolve) => {
    const call = session.channel.grpc.makeBidiStreamRequest(path, same, same, new Metadata(), {});
    const timer = setTimeout(() => {
      resolve("open");
      call.cancel();
    }, streamPatienceMs);
    const settle = (outcome: Outcome): void => {
      clearTimeout(timer);
      resolve(outcome);
    };
    call.on("data", () => undefined);
    call.on("end", () => settle("answered"));
    call.on("error", (error: unknown) => settle(fromGrpcError(error)));
    call.write(request);
    call.end();
  });
}

/** Starts a call and leaves it at once. */
export function leaveCall(session: Session, service: ServiceDefinition, method: MethodDefinition): void {
  const path = `/${service.fullName}/${method.name}`;
  const call = session.channel.grpc.makeBidiStreamRequest(path, same, same, new Metadata(), {});
  call.on("error", () => undefined);
  call.on("data", () => undefined);
  call.write(Buffer.alloc(0));
  setImmediate(() => call.cancel());
}

/** Whether a status says anything: Unknown is what gRPC makes of an error that nobody gave a code. */
export function isUnchosen(outcome: Outcome): outcome is StatusError {
  return outcome instanceof StatusError && outcome.code === Code.Unknown;
}

export function describeOutcome(outcome: Outcome): string {
  return outcome instanceof StatusError ? `${codeName(outcome.code)}: ${outcome.message}` : outcome;
}
