import type { EntryDefinition } from "@finial/proto/api/server/entry/v1/entry";
import type { Handlers } from "@finial/sdk/internal";
import { batchCreateEntry } from "./batch-create-entry.ts";
import { batchDeleteEntry } from "./batch-delete-entry.ts";
import { batchUpdateEntry } from "./batch-update-entry.ts";
import { countEntries } from "./count-entries.ts";
import { getAuthorizedEntries } from "./get-authorized-entries.ts";
import { getEntry } from "./get-entry.ts";
import { listEntries } from "./list-entries.ts";
import type { EntryService } from "./service.ts";
import { syncAuthorizedEntries } from "./sync-authorized-entries.ts";

export type { EntryService } from "./service.ts";

/** The handlers of `spire.api.server.entry.v1.Entry`. */
export function makeEntryHandlers(service: EntryService): Handlers<typeof EntryDefinition> {
  return {
    countEntries: countEntries(service),
    listEntries: listEntries(service),
    getEntry: getEntry(service),
    batchCreateEntry: batchCreateEntry(service),
    batchUpdateEntry: batchUpdateEntry(service),
    batchDeleteEntry: batchDeleteEntry(service),
    getAuthorizedEntries: getAuthorizedEntries(service),
    syncAuthorizedEntries: syncAuthorizedEntries(service),
  };
}
