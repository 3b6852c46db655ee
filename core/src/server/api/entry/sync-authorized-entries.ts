import type {
  SyncAuthorizedEntriesRequest,
  SyncAuthorizedEntriesResponse,
} from "@finial/proto/api/server/entry/v1/entry";
import type { EntryMask } from "@finial/proto/api/types/entry";
import { Code, StatusError } from "@finial/sdk";
import type { RegistrationEntry } from "@finial/sdk/spiffe";
import { toWireEntry } from "../../../kernel/convert/entry.ts";
import { toWireSeconds } from "../../../kernel/convert/instant.ts";
import { entriesOfCaller } from "./get-authorized-entries.ts";
import type { EntryCall, EntryService } from "./service.ts";

const defaultPageSize = 500;

/**
 * Brings an agent's entries up to date. Few entries are sent whole, at once. Of many only IDs and revisions are sent, in
 * pages; the agent then asks, as often as it likes, for those it lacks, and each request is answered in pages, too.
 *
 * The mask of the first request holds for the whole stream.
 * Throws InvalidArgument when that request names IDs or masks the revision, Internal for a caller without a SPIFFE ID.
 */
export function syncAuthorizedEntries(service: EntryService): EntryCall<"syncAuthorizedEntries"> {
  const { entriesPerPage = defaultPageSize } = service;
  return async function* (requests, context) {
    const entries = entriesOfCaller(service, context);
    const iterator = requests[Symbol.asyncIterator]();
    const mask = maskOf(await iterator.next());
    if (entries.length <= entriesPerPage) {
      yield { entries: entries.map((entry) => toWireEntry(entry, mask)) };
      return;
    }
    yield* revisions(entries, entriesPerPage);
    const byId = new Map(entries.map((entry) => [entry.id, entry]));
    for (let next = await iterator.next(); next.done !== true; next = await iterator.next()) {
      yield* requested(next.value.ids, byId, { mask, entriesPerPage });
    }
  };
}

function maskOf(first: IteratorResult<SyncAuthorizedEntriesRequest>): EntryMask | undefined {
  if (first.done === true) throw new StatusError(Code.Unknown, "SYNC_NO_REQUEST", "EOF");
  const { ids, outputMask } = first.value;
  if (ids.length > 0) throw refused("specifying IDs on initial request is not supported");
  // By it the agent tells whether it needs the entry.
  if (outputMask?.revisionNumber === false) throw refused("revision number cannot be masked");
  return outputMask;
}

function* revisions(
  entries: readonly RegistrationEntry[],
  pageSize: number,
): Generator<Partial<SyncAuthorizedEntriesResponse>> {
  for (let start = 0; start < entries.length; start += pageSize) {
    const entryRevisions = entries
      .slice(start, start + pageSize)
      .map(({ id, revisionNumber, createdAt }) => ({
        id,
        revisionNumber,
        createdAt: toWireSeconds(createdAt),
      }));
    yield { entryRevisions, more: start + pageSize < entries.length };
  }
}

/** Entries that are gone, or were never the agent's, are left out. Without any the answer is one empty page. */
function* requested(
  ids: readonly string[],
  byId: ReadonlyMap<string, RegistrationEntry>,
  { mask, entriesPerPage }: { readonly mask: EntryMask | undefined; readonly entriesPerPage: number },
): Generator<Partial<SyncAuthorizedEntriesResponse>> {
  const found = ids.toSorted().flatMap((id) => byId.get(id) ?? []);
  let start = 0;
  do {
    const page = found.slice(start, start + entriesPerPage);
    start += entriesPerPage;
    yield { entries: page.map((entry) => toWireEntry(entry, mask)), more: start < found.length };
  } while (start < found.length);
}

function refused(message: string): StatusError {
  return new StatusError(Code.InvalidArgument, "SYNC_REQUEST", message);
}
