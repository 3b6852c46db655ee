import type * as wire from "@finial/proto/plugin/server/datastore/v1/datastore";
import { Code, StatusError } from "@finial/sdk";
import type { RegistrationEntry } from "@finial/sdk/spiffe";
import { toWireSeconds } from "../../kernel/convert/instant.ts";
import type { DataStore } from "./datastore.ts";
import {
  type Ask,
  answered,
  askForAll,
  distrusted,
  found,
  pageOf,
  partsOf,
  type StoreClient,
  toWirePage,
} from "./store-answers.ts";
import { fromWireEntry, toWireEntry, toWireEntryFilter, toWireEntryMask } from "./store-entry.ts";

type EntryCalls =
  | "createEntry"
  | "createEntries"
  | "findEntry"
  | "findEntries"
  | "listEntries"
  | "countEntries"
  | "updateEntry"
  | "deleteEntry"
  | "pruneEntries";

/** @param prefixed says whose error it is: those inside an answer have not passed through `ask`. */
export function storeEntries(
  ask: Ask,
  prefixed: (error: StatusError) => StatusError,
): Pick<DataStore, EntryCalls> {
  return {
    createEntry: (entry) =>
      ask(async (store) => {
        const [result] = await createEntries(store, [entry]);
        if (result === undefined) throw distrusted("plugin response missing entry");
        if ("error" in result) throw result.error;
        return result;
      }),
    createEntries: (entries) =>
      ask(async (store) => {
        const results = await createEntries(store, entries);
        return results.map((result) => ("error" in result ? { error: prefixed(result.error) } : result));
      }),
    findEntry: (id) =>
      ask(async (store) => {
        const { entries } = await store.fetchEntries({ ids: [id] });
        return found(entries[0], "entry", fromWireEntry, (entry) => entry.id === id);
      }),
    findEntries: (ids) =>
      ask(async (store) => {
        const entries = readEntries((await store.fetchEntries({ ids })).entries);
        const asked = new Set(ids);
        if (!entries.every(({ id }) => asked.has(id)))
          throw distrusted("plugin response has another entry than those asked for");
        return entries;
      }),
    listEntries: (filter, page) =>
      askForAll(ask, (store) => {
        const request = { filter: filter && toWireEntryFilter(filter), page: toWirePage(page) };
        return pageOf(
          page,
          partsOf(store.listEntries(request), ({ entries }) => readEntries(entries)),
        );
      }),
    countEntries: (filter) =>
      ask(async (store) => {
        return (await store.countEntries({ filter: filter && toWireEntryFilter(filter) })).count;
      }),
    updateEntry: (entry, mask) =>
      ask(async (store) => {
        const request = { entry: toWireEntry(entry), mask: mask && toWireEntryMask(mask) };
        return sameEntry((await store.updateEntry(request)).entry, entry.id);
      }),
    deleteEntry: (id) => ask(async (store) => sameEntry((await store.deleteEntry({ id })).entry, id)),
    pruneEntries: (expiresBefore) =>
      ask(async (store) => {
        const parts = store.pruneEntries({ expiresBefore: toWireSeconds(expiresBefore) });
        return (await Array.fromAsync(parts, ({ entries }) => readEntries(entries))).flat();
      }),
  };
}

type Created =
  | { readonly entry: RegistrationEntry; readonly existing: boolean }
  | { readonly error: StatusError };

async function createEntries(
  store: StoreClient,
  entries: readonly RegistrationEntry[],
): Promise<readonly Created[]> {
  const { results } = await store.createEntries({ entries: entries.map(toWireEntry) });
  if (results.length !== entries.length)
    throw distrusted(`plugin returned ${results.length} results for ${entries.length} entries`);
  return results.map(({ code, message, reason, entry, existing }) => {
    if (code === Code.Ok) return { entry: answered(entry, "entry", fromWireEntry), existing };
    const known = Object.values(Code).find((value) => value === code) ?? Code.Unknown;
    return { error: new StatusError(known, reason, message) };
  });
}

function readEntries(entries: readonly wire.Entry[]): RegistrationEntry[] {
  return entries.map((entry) => answered(entry, `entry "${entry.id}"`, fromWireEntry));
}

function sameEntry(wire: wire.Entry | undefined, id: string): RegistrationEntry {
  const entry = answered(wire, "entry", fromWireEntry);
  if (entry.id !== id) throw distrusted("plugin response has another entry than the one asked for");
  return entry;
}
