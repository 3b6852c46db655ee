import { Code } from "@finial/sdk";
import type { RegistrationEntry } from "@finial/sdk/spiffe";
import { toWireEntry } from "../../../kernel/convert/entry.ts";
import { audit } from "../audit.ts";
import { failure } from "../failure.ts";
import type { EntryCall, EntryService } from "./service.ts";

/**
 * Gets the entry with an ID.
 *
 * Throws InvalidArgument without an ID, NotFound when there is no such entry, Internal when the store fails.
 */
export function getEntry({ store }: EntryService): EntryCall<"getEntry"> {
  return async ({ id, outputMask }, context) => {
    if (id === "") throw failure(Code.InvalidArgument, "ENTRY_NO_ID", "missing ID");
    audit(context, () => ({ entry_id: id }));
    let entry: RegistrationEntry | undefined;
    try {
      entry = await store.findEntry(id);
    } catch (error) {
      throw failure(Code.Internal, "ENTRY_FETCH", "failed to fetch entry", error);
    }
    if (entry === undefined) throw failure(Code.NotFound, "ENTRY_NOT_FOUND", "entry not found");
    return toWireEntry(entry, outputMask);
  };
}
