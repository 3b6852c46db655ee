import type { BatchCreateEntryResponse_Result } from "@finial/proto/api/server/entry/v1/entry";
import type { Entry, EntryMask } from "@finial/proto/api/types/entry";
import { Code, StatusError } from "@finial/sdk";
import type { RegistrationEntry } from "@finial/sdk/spiffe";
import { toWireEntry } from "../../../kernel/convert/entry.ts";
import { okStatus } from "../../../kernel/convert/status.ts";
import { auditItem } from "../audit.ts";
import { failure, itemFailure, passedOn } from "../failure.ts";
import { auditEntry } from "./audit-entry.ts";
import { parseEntry } from "./parse-entry.ts";
import type { EntryCall, EntryService } from "./service.ts";

type Created = Awaited<ReturnType<EntryService["store"]["createEntries"]>>[number];

/**
 * Creates entries, in order, answering one status an entry: InvalidArgument for a malformed one, AlreadyExists with the
 * entry there is when parent, SPIFFE ID and selectors are the same, else what the store says.
 */
export function batchCreateEntry(service: EntryService): EntryCall<"batchCreateEntry"> {
  return async ({ entries, outputMask }, context) => {
    const parsed = entries.map((entry) => parsedOrRefused(entry, service));
    const valid = parsed.filter((item): item is RegistrationEntry => !(item instanceof StatusError));
    const created = valid.length === 0 ? [] : await createAll(valid, service);
    let next = 0;
    const results = parsed.map((item) =>
      resultOf(item instanceof StatusError ? { error: item } : created[next++], outputMask, service),
    );
    for (const [index, { status }] of results.entries()) {
      auditItem(context, status ?? okStatus, () => auditEntry(entries[index]));
    }
    return { results };
  };
}

function parsedOrRefused(wire: Entry, { trustDomain }: EntryService): RegistrationEntry | StatusError {
  try {
    return parseEntry(wire, trustDomain);
  } catch (error) {
    return failure(Code.InvalidArgument, "ENTRY_MALFORMED", "failed to convert entry", error);
  }
}

/** Failures, of one or of all, are worded for the caller. */
async function createAll(
  entries: readonly RegistrationEntry[],
  { store }: EntryService,
): Promise<readonly Created[]> {
  const refused = (error: unknown): Created => ({
    error: failure(passedOn(error), "ENTRY_CREATE", "failed to create entry", error),
  });
  try {
    const created = await store.createEntries(entries);
    return created.map((item) => ("error" in item ? refused(item.error) : item));
  } catch (error) {
    return entries.map(() => refused(error));
  }
}

function resultOf(
  item: Created | undefined,
  mask: EntryMask | undefined,
  { logger }: EntryService,
): BatchCreateEntryResponse_Result {
  if (item === undefined) {
    const error = failure(Code.Internal, "ENTRY_CREATE", "failed to create entry: the store gave no answer");
    return { status: itemFailure(logger, error), entry: undefined };
  }
  if ("error" in item) return { status: itemFailure(logger, StatusError.from(item.error)), entry: undefined };
  const status = item.existing
    ? { code: Code.AlreadyExists, message: "similar entry already exists" }
    : okStatus;
  return { status, entry: toWireEntry(item.entry, mask) };
}
