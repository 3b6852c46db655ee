import { Code } from "@finial/sdk";
import type { CallContext } from "@finial/sdk/internal";
import type { RegistrationEntry } from "@finial/sdk/spiffe";
import { toWireEntry } from "../../../kernel/convert/entry.ts";
import { failure } from "../failure.ts";
import type { EntryCall, EntryService } from "./service.ts";

/** Gives an agent all entries it may have. Throws Internal for a caller without a SPIFFE ID. */
export function getAuthorizedEntries(service: EntryService): EntryCall<"getAuthorizedEntries"> {
  return async ({ outputMask }, context) => ({
    entries: entriesOfCaller(service, context).map((entry) => toWireEntry(entry, outputMask)),
  });
}

/**
 * The entries the calling agent may have.
 *
 * @throws {StatusError} Internal when the caller has no SPIFFE ID, which authorization should have refused
 */
export function entriesOfCaller(
  { callerId, authorizedEntries }: EntryService,
  context: CallContext,
): readonly RegistrationEntry[] {
  const id = callerId(context);
  if (id === undefined) {
    throw failure(Code.Internal, "CALLER_ID_MISSING", "caller ID missing from request context");
  }
  return authorizedEntries.authorizedEntries(id);
}
