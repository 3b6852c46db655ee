import { Code } from "@finial/sdk";
import type { CallContext } from "@finial/sdk/internal";
import type { SpiffeId } from "@finial/sdk/spiffe";
import { failure } from "../failure.ts";
import type { SvidService } from "./service.ts";

/** @throws {StatusError} Internal for a caller without a SPIFFE ID, which authorization should have refused. */
export function callerOf({ callerId }: SvidService, context: CallContext): SpiffeId {
  const id = callerId(context);
  if (id === undefined)
    throw failure(Code.Internal, "CALLER_ID_MISSING", "caller ID missing from request context");
  return id;
}
