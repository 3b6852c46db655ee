import { Code } from "@finial/sdk";
import { toWireEntry } from "../../../kernel/convert/entry.ts";
import { audit } from "../audit.ts";
import { failure } from "../failure.ts";
import { auditEntryFilter, parseEntryFilter } from "./filter.ts";
import type { EntryCall, EntryService } from "./service.ts";

/**
 * Lists the entries that match a filter; all at once when no page size is given.
 *
 * Throws InvalidArgument for a malformed filter, Internal when the store fails or does not know the page token.
 */
export function listEntries({ store, trustDomain }: EntryService): EntryCall<"listEntries"> {
  return async ({ filter, outputMask, pageSize, pageToken }, context) => {
    audit(context, () => auditEntryFilter(filter));
    const parsed = parseEntryFilter(filter, trustDomain);
    const page = pageSize > 0 ? { size: pageSize, token: pageToken } : undefined;
    try {
      const { items, nextToken } = await store.listEntries(parsed, page);
      return { entries: items.map((entry) => toWireEntry(entry, outputMask)), nextPageToken: nextToken };
    } catch (error) {
      throw failure(Code.Internal, "ENTRY_LIST", "failed to list entries", error);
    }
  };
}
