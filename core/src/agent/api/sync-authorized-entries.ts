import type { EntryDefinition, EntryRevision } from "@finial/proto/api/server/entry/v1/entry";
import type { Entry } from "@finial/proto/api/types/entry";
import { Code, type Logger, StatusError } from "@finial/sdk";
import type { Client } from "@finial/sdk/internal";
import { toWireSeconds } from "../../kernel/convert/instant.ts";
import type { AuthorizedEntry } from "../cache/authorized-entry.ts";
import type { EntriesById } from "../sync/server-api.ts";
import { authorizedEntryMask, fromWireAuthorizedEntry } from "./from-wire-entry.ts";

export interface SyncOptions {
  readonly signal: AbortSignal;
  readonly deadlineMs: number;
  readonly logger: Logger;
}

/** The first page tells how many the server likes to send at once. */
interface Page {
  readonly entries: readonly Entry[];
  readonly entryRevisions: readonly EntryRevision[];
  readonly more: boolean;
}

/**
 * All entries the agent is authorized for. A server with few sends them all; one with many sends revisions, and then the
 * entries that are new or have changed.
 */
export async function syncAuthorizedEntries(
  client: Client<typeof EntryDefinition>,
  known: EntriesById,
  { signal, deadlineMs, logger }: SyncOptions,
): Promise<EntriesById> {
  const entries = new Map<string, AuthorizedEntry>();
  const call = client.syncAuthorizedEntries({ signal, deadlineMs });
  const pages = call[Symbol.asyncIterator]();
  const next = async (): Promise<Page> => {
    const { done, value } = await pages.next();
    if (!done) return value;
    throw new StatusError(Code.Internal, "SYNC_ENDED", "the server ended the stream of entries too early");
  };
  try {
    await call.send({ outputMask: authorizedEntryMask });
    const first = await next();
    if (first.entryRevisions.length === 0) {
      addEntries(entries, first.entries, logger);
      return entries;
    }
    const needed: string[] = [];
    for (let page = first; ; page = await next()) {
      if (page.entries.length > 0) throw unexpected("entry in response receiving entry revisions");
      for (const revision of page.entryRevisions) {
        if (!isWellFormed(revision, logger)) continue;
        const entry = known.get(revision.id);
        if (entry !== undefined && isCurrent(entry, revision)) entries.set(entry.id, entry);
        else needed.push(revision.id);
      }
      if (!page.more) break;
    }
    // Sorted: the server looks them up in order.
    needed.sort();
    const pageSize = first.entryRevisions.length;
    for (let start = 0; start < needed.length; start += pageSize) {
      await call.send({ ids: needed.slice(start, start + pageSize) });
      for (let more = true; more; ) {
        const page = await next();
        if (page.entryRevisions.length > 0)
          throw unexpected("entry revisions in response while requesting entries");
        addEntries(entries, page.entries, logger);
        more = page.more;
      }
    }
    return entries;
  } finally {
    call.end();
    await pages.return?.();
  }
}

/** The entries by ID; a malformed one is logged, and left out: it is the server's, and the others are good. */
export function addEntries(
  entries: Map<string, AuthorizedEntry>,
  wire: readonly Entry[],
  logger: Logger,
): void {
  for (const entry of wire) {
    try {
      const authorized = fromWireAuthorizedEntry(entry);
      entries.set(authorized.id, authorized);
    } catch (error) {
      logger.warn(
        "Received malformed entry from SPIRE server; are the server and agent versions compatible?",
        { entry_id: entry.id, error: StatusError.from(error).message },
      );
    }
  }
}

function isWellFormed({ id, revisionNumber }: EntryRevision, logger: Logger): boolean {
  if (id !== "" && revisionNumber >= 0) return true;
  logger.warn(
    "Received malformed entry revision from SPIRE server; are the server and agent versions compatible?",
    { entry_id: id, revision_number: revisionNumber },
  );
  return false;
}

/** An entry that was deleted and made again with its ID begins at revision 0 again. Old servers do not tell the time. */
function isCurrent(entry: AuthorizedEntry, { revisionNumber, createdAt }: EntryRevision): boolean {
  return (
    entry.revisionNumber === revisionNumber &&
    (createdAt === 0 || toWireSeconds(entry.createdAt) === createdAt)
  );
}

function unexpected(what: string): StatusError {
  return new StatusError(Code.Internal, "SYNC_UNEXPECTED", `unexpected ${what}`);
}
