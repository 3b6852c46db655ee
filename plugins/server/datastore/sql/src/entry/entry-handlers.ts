import { Code, type PartialMessage, StatusError } from "@finial/sdk";
import type { datastore } from "@finial/sdk/server";
import { invalidArgument } from "../errors.ts";
import type { CurrentDatabase, DataStoreHandlers } from "../handlers.ts";
import { allOf } from "../list-match.ts";
import { readInParts } from "../paging.ts";
import type { Row, Transaction } from "../sql.ts";
import { toEntryCondition } from "./entry-filter.ts";
import { findEntries, selectEntries } from "./entry-table.ts";
import { createEntry, deleteEntry, pruneEntries, updateEntry } from "./write-entry.ts";

type EntryRpcs =
  | "createEntries"
  | "fetchEntries"
  | "listEntries"
  | "countEntries"
  | "updateEntry"
  | "deleteEntry"
  | "pruneEntries";

const everything: datastore.EntryMask = {
  spiffeId: true,
  parentId: true,
  selectors: true,
  x509SvidTtl: true,
  jwtSvidTtl: true,
  federatesWith: true,
  admin: true,
  downstream: true,
  expiresAt: true,
  dnsNames: true,
  storeSvid: true,
  hint: true,
  disableX509SvidPrefetch: true,
  jwtSvidIncludeJti: true,
};

/** Entries a message of a streamed answer. */
const partSize = 250;

export function entryHandlers(database: CurrentDatabase): Pick<DataStoreHandlers, EntryRpcs> {
  return {
    createEntries: async ({ entries }) => ({
      results: await database().write((transaction) => createEach(transaction, entries)),
    }),
    fetchEntries: async ({ ids }) => {
      const found = await database().read((sql) => findEntries(sql, ids));
      return { entries: found.map(({ entry }) => entry) };
    },
    listEntries: async function* ({ filter, page }) {
      const parts = database().readParts((sql) => {
        const condition = toEntryCondition(sql.text, filter);
        return readInParts(page, (after, limit) =>
          selectEntries(sql, allOf([{ text: "e.id > ?", parameters: [after] }, condition]), limit),
        );
      });
      for await (const { items, nextPageToken } of parts)
        yield { entries: items.map(({ entry }) => entry), nextPageToken };
    },
    countEntries: async ({ filter }) => {
      const row = await database().read((sql) => {
        const { text, parameters } = toEntryCondition(sql.text, filter);
        return sql.first<Row & { readonly count: number }>(
          `SELECT COUNT(*) AS count FROM registered_entries e WHERE ${text}`,
          ...parameters,
        );
      });
      return { count: row?.count ?? 0 };
    },
    updateEntry: async ({ entry, mask }) => {
      if (entry === undefined)
        throw invalidArgument("ENTRY_MISSING", "invalid request: missing registered entry");
      return {
        entry: await database().write((transaction) => updateEntry(transaction, entry, mask ?? everything)),
      };
    },
    deleteEntry: async ({ id }) => ({
      entry: await database().write((transaction) => deleteEntry(transaction, id)),
    }),
    pruneEntries: async function* ({ expiresBefore }) {
      const entries = await database().write((transaction) => pruneEntries(transaction, expiresBefore));
      for (let start = 0; start < entries.length; start += partSize)
        yield { entries: entries.slice(start, start + partSize) };
    },
  };
}

async function createEach(
  transaction: Transaction,
  entries: readonly datastore.Entry[],
): Promise<PartialMessage<datastore.CreateEntriesResponse_Result>[]> {
  const results: PartialMessage<datastore.CreateEntriesResponse_Result>[] = [];
  for (const entry of entries) results.push(await createOne(transaction, entry));
  return results;
}

async function createOne(
  transaction: Transaction,
  entry: datastore.Entry,
): Promise<PartialMessage<datastore.CreateEntriesResponse_Result>> {
  try {
    return await transaction.attempt(() => createEntry(transaction, entry));
  } catch (error) {
    const { code, reason, message } = StatusError.from(error);
    // Only what is the entry's own fault is its own failure; a disk that fails, fails for all.
    if (code !== Code.InvalidArgument && code !== Code.AlreadyExists && code !== Code.FailedPrecondition)
      throw error;
    return { code, reason, message };
  }
}
