import { Code } from "@finial/sdk";
import { audit } from "../audit.ts";
import { failure } from "../failure.ts";
import { auditEntryFilter, parseEntryFilter } from "./filter.ts";
import type { EntryCall, EntryService } from "./service.ts";

/**
 * Counts the entries that match a filter.
 *
 * Throws InvalidArgument for a malformed filter, Internal when the store fails.
 */
export function countEntries({ store, trustDomain }: EntryService): EntryCall<"countEntries"> {
  return async ({ filter }, context) => {
    audit(context, () => auditEntryFilter(filter));
    const parsed = parseEntryFilter(filter, trustDomain);
    try {
      return { count: await store.countEntries(parsed) };
    } catch (error) {
      throw failure(Code.Internal, "ENTRY_COUNT", "failed to count entries", error);
    }
  };
}
