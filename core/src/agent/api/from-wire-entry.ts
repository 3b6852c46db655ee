import { type Entry, EntryMask } from "@finial/proto/api/types/entry";
import { Code, StatusError } from "@finial/sdk";
import { parseTrustDomain } from "@finial/sdk/spiffe";
import { fromWireSeconds } from "../../kernel/convert/instant.ts";
import { fromWireSelectors } from "../../kernel/convert/selector.ts";
import { fromWireSpiffeId } from "../../kernel/convert/spiffe-id.ts";
import type { AuthorizedEntry } from "../cache/authorized-entry.ts";

/** The fields of AuthorizedEntry. */
export const authorizedEntryMask: EntryMask = EntryMask.fromPartial({
  spiffeId: true,
  selectors: true,
  federatesWith: true,
  admin: true,
  downstream: true,
  revisionNumber: true,
  storeSvid: true,
  hint: true,
  additionalAttributes: true,
  createdAt: true,
});

/** @throws {StatusError} InvalidArgument for what no server should send. */
export function fromWireAuthorizedEntry(wire: Entry): AuthorizedEntry {
  if (wire.id === "") throw malformed("missing entry ID");
  if (wire.selectors.length === 0) throw malformed("selector list is empty");
  return {
    id: wire.id,
    spiffeId: read("SPIFFE ID", () => fromWireSpiffeId(wire.spiffeId)),
    selectors: fromWireSelectors(wire.selectors),
    federatesWith: read("federated trust domain", () => wire.federatesWith.map(parseTrustDomain)),
    admin: wire.admin,
    downstream: wire.downstream,
    revisionNumber: wire.revisionNumber,
    storeSvid: wire.storeSvid,
    hint: wire.hint,
    createdAt: fromWireSeconds(wire.createdAt),
    disableX509SvidPrefetch: wire.additionalAttributes?.disableX509SvidPrefetch ?? false,
    jwtSvidIncludeJti: wire.additionalAttributes?.jwtSvidIncludeJti ?? false,
  };
}

function read<T>(what: string, parse: () => T): T {
  try {
    return parse();
  } catch (error) {
    throw StatusError.from(error).prefixed(`invalid ${what}: `);
  }
}

function malformed(message: string): StatusError {
  return new StatusError(Code.InvalidArgument, "ENTRY_MALFORMED", message);
}
