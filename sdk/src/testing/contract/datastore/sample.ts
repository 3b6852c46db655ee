import type { Bundle, DataStoreDefinition, Entry } from "@finial/proto/plugin/server/datastore/v1/datastore";
import {
  Bundle as BundleMessage,
  Entry as EntryMessage,
} from "@finial/proto/plugin/server/datastore/v1/datastore";
import type { Client } from "../../../rpc/client.ts";

export type StoreClient = Client<typeof DataStoreDefinition>;

/** An entry of a workload, told apart by its name. */
export function entryOf(name: string, more: Partial<Entry> = {}): Entry {
  return EntryMessage.fromPartial({
    spiffeId: `spiffe://example.org/${name}`,
    parentId: "spiffe://example.org/agent",
    selectors: [{ type: "unix", value: `user:${name}` }],
    ...more,
  });
}

export function bundleOf(trustDomain: string, more: Partial<Bundle> = {}): Bundle {
  return BundleMessage.fromPartial({ trustDomain, ...more });
}

/** Creates entries that must all be new. */
export async function createdEntries(store: StoreClient, entries: readonly Entry[]): Promise<Entry[]> {
  const { results } = await store.createEntries({ entries });
  return results.map(({ code, message, entry, existing }) => {
    if (code !== 0 || entry === undefined || existing) throw new Error(`not created: ${message}`);
    return entry;
  });
}
