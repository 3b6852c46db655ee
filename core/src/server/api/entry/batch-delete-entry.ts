import type { Status } from "@finial/proto/api/types/status";
import { Code, StatusError } from "@finial/sdk";
import { okStatus } from "../../../kernel/convert/status.ts";
import { auditItem } from "../audit.ts";
import { failure, itemFailure } from "../failure.ts";
import type { EntryCall, EntryService } from "./service.ts";

/**
 * Deletes entries by ID, in order, answering one status an ID: InvalidArgument for an empty one, NotFound when there is
 * no such entry, Internal when the store fails.
 */
export function batchDeleteEntry(service: EntryService): EntryCall<"batchDeleteEntry"> {
  return async ({ ids }, context) => {
    const results: { id: string; status: Status }[] = [];
    for (const id of ids) {
      const status = await deleteOne(id, service);
      auditItem(context, status, () => ({ entry_id: id }));
      results.push({ id, status });
    }
    return { results };
  };
}

async function deleteOne(id: string, { store, logger }: EntryService): Promise<Status> {
  if (id === "") return itemFailure(logger, failure(Code.InvalidArgument, "ENTRY_NO_ID", "missing entry ID"));
  try {
    await store.deleteEntry(id);
    return okStatus;
  } catch (error) {
    const refused =
      StatusError.from(error).code === Code.NotFound
        ? failure(Code.NotFound, "ENTRY_NOT_FOUND", "entry not found")
        : failure(Code.Internal, "ENTRY_DELETE", "failed to delete entry", error);
    return itemFailure(logger, refused, { entry_id: id });
  }
}
