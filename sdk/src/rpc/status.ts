import { Status } from "@finial/proto/google/rpc/status";
import { Metadata, type ServiceError, type StatusObject } from "@grpc/grpc-js";
import { Code, codeName, toCode } from "../status/code.ts";
import { StatusError } from "../status/status-error.ts";
import { connectionWords } from "./connection-words.ts";

const detailsKey = "grpc-status-details-bin";

/** How a thrown value leaves on the wire: its cause stays here. */
export function toGrpcStatus(thrown: unknown): StatusObject {
  const error = StatusError.from(thrown);
  const metadata = new Metadata();
  if (error.details.length > 0) {
    const status = { code: error.code, message: error.message, details: [...error.details] };
    metadata.set(detailsKey, Buffer.from(Status.encode(Status.fromPartial(status)).finish()));
  }
  return { code: error.code, details: error.message, metadata };
}

/** What arrived from the wire, or what grpc-js says of the connection, as a StatusError. */
export function fromGrpcError(thrown: unknown): StatusError {
  if (!isServiceError(thrown)) return StatusError.from(thrown);
  const code = toCode(thrown.code);
  const details = thrown.metadata
    .get(detailsKey)
    .flatMap((value) => (Buffer.isBuffer(value) ? decodeDetails(value) : []))
    .map(({ typeUrl, value }) => ({ typeUrl, value }));
  const message = code === Code.Unavailable ? connectionWords(thrown.details) : thrown.details;
  return new StatusError(code, reasonOf(code), message, { details, cause: thrown });
}

function decodeDetails(bytes: Buffer): Status["details"] {
  try {
    return Status.decode(bytes).details;
  } catch {
    // The peer's details are an extra; its status stands without them.
    return [];
  }
}

/** `NotFound` is `NOT_FOUND`: a status from the wire has no other stable word. */
function reasonOf(code: Code): string {
  return codeName(code)
    .replaceAll(/(?<=[a-z])[A-Z]/g, "_$&")
    .toUpperCase();
}

function isServiceError(thrown: unknown): thrown is ServiceError {
  return (
    thrown instanceof Error && "code" in thrown && typeof thrown.code === "number" && "metadata" in thrown
  );
}
