import type {
  BatchUpdateEntryRequest,
  BatchUpdateEntryResponse_Result,
} from "@finial/proto/api/server/entry/v1/entry";
import type { Entry } from "@finial/proto/api/types/entry";
import { Code } from "@finial/sdk";
import type { RegistrationEntry } from "@finial/sdk/spiffe";
import { toWireEntry } from "../../../kernel/convert/entry.ts";
import { okStatus } from "../../../kernel/convert/status.ts";
import { auditItem } from "../audit.ts";
import { failure, itemFailure, passedOn } from "../failure.ts";
import { auditEntry } from "./audit-entry.ts";
import { parseEntry, parseEntryMask } from "./parse-entry.ts";
import type { EntryCall, EntryService } from "./service.ts";

/**
 * Updates the masked fields of entries, in order, answering one status an entry: InvalidArgument for a malformed one,
 * else what the store says.
 */
export function batchUpdateEntry(service: EntryService): EntryCall<"batchUpdateEntry"> {
  return async (request, context) => {
    const results: BatchUpdateEntryResponse_Result[] = [];
    for (const entry of request.entries) {
      const result = await updateOne(entry, request, service);
      auditItem(context, result.status ?? okStatus, () => auditEntry(entry, request.inputMask));
      results.push(result);
    }
    return { results };
  };
}

async function updateOne(
  wire: Entry,
  { inputMask, outputMask }: BatchUpdateEntryRequest,
  { store, trustDomain, logger }: EntryService,
): Promise<BatchUpdateEntryResponse_Result> {
  const fields = { entry_id: wire.id };
  let entry: RegistrationEntry;
  try {
    entry = parseEntry(wire, trustDomain, inputMask);
  } catch (error) {
    const refused = failure(Code.InvalidArgument, "ENTRY_MALFORMED", "failed to convert entry", error);
    return { status: itemFailure(logger, refused, fields), entry: undefined };
  }
  try {
    const updated = await store.updateEntry(entry, parseEntryMask(inputMask));
    return { status: okStatus, entry: toWireEntry(updated, outputMask) };
  } catch (error) {
    const code = passedOn(error);
    const refused = failure(code, "ENTRY_UPDATE", "failed to update entry", error);
    return { status: itemFailure(logger, refused, fields), entry: undefined };
  }
}
