import type { Entry, EntryMask as WireEntryMask } from "@finial/proto/api/types/entry";
import { Code, StatusError } from "@finial/sdk";
import {
  compareSelectors,
  parseTrustDomain,
  type RegistrationEntry,
  type Selector,
  SpiffeId,
  type TrustDomain,
} from "@finial/sdk/spiffe";
import { checkDnsName } from "../../../kernel/convert/dns-name.ts";
import { fromWireSeconds } from "../../../kernel/convert/instant.ts";
import { fromWireSelectors } from "../../../kernel/convert/selector.ts";
import { fromWireMemberId, fromWireWorkloadId } from "../../../kernel/convert/spiffe-id.ts";
import type { EntryMask } from "../../facade/datastore.ts";

const maxHintBytes = 1024;

type MaskField = keyof WireEntryMask;

/**
 * The entry a caller wants created or updated, checked.
 *
 * @param mask the fields that count; of the others the result has defaults, the trust domain's own ID for the IDs
 * @throws {StatusError} InvalidArgument with SPIRE's sentence
 */
export function parseEntry(wire: Entry, trustDomain: TrustDomain, mask?: WireEntryMask): RegistrationEntry {
  const wants = (field: MaskField): boolean => mask === undefined || mask[field];
  const nobody = SpiffeId.make(trustDomain, "");
  const parentId = wants("parentId")
    ? named("invalid parent ID", () => fromWireMemberId(wire.parentId, trustDomain))
    : nobody;
  const spiffeId = wants("spiffeId")
    ? named("invalid spiffe ID", () => fromWireWorkloadId(wire.spiffeId, trustDomain))
    : nobody;
  const attributes = wants("additionalAttributes") ? wire.additionalAttributes : undefined;
  return {
    id: wire.id,
    parentId,
    spiffeId,
    admin: wants("admin") && wire.admin,
    dnsNames: wants("dnsNames") ? parseDnsNames(wire.dnsNames) : [],
    downstream: wants("downstream") && wire.downstream,
    expiresAt: wants("expiresAt") ? fromWireSeconds(wire.expiresAt) : undefined,
    federatesWith: wants("federatesWith") ? parseFederatesWith(wire.federatesWith) : [],
    selectors: wants("selectors") ? parseSelectors(wire.selectors) : [],
    revisionNumber: wants("revisionNumber") ? wire.revisionNumber : 0,
    storeSvid: wants("storeSvid") && wire.storeSvid,
    x509SvidTtlSeconds: wants("x509SvidTtl") ? wire.x509SvidTtl : 0,
    jwtSvidTtlSeconds: wants("jwtSvidTtl") ? wire.jwtSvidTtl : 0,
    hint: wants("hint") ? parseHint(wire.hint) : "",
    createdAt: undefined,
    disableX509SvidPrefetch: attributes?.disableX509SvidPrefetch ?? false,
    jwtSvidIncludeJti: attributes?.jwtSvidIncludeJti ?? false,
  };
}

const maskNames: {
  readonly [field in MaskField]: readonly (EntryMask extends ReadonlySet<infer K> ? K : never)[];
} = {
  spiffeId: ["spiffeId"],
  parentId: ["parentId"],
  selectors: ["selectors"],
  x509SvidTtl: ["x509SvidTtlSeconds"],
  federatesWith: ["federatesWith"],
  admin: ["admin"],
  downstream: ["downstream"],
  expiresAt: ["expiresAt"],
  dnsNames: ["dnsNames"],
  // Not a caller's to set: the store counts and dates.
  revisionNumber: [],
  createdAt: [],
  storeSvid: ["storeSvid"],
  jwtSvidTtl: ["jwtSvidTtlSeconds"],
  hint: ["hint"],
  additionalAttributes: ["disableX509SvidPrefetch", "jwtSvidIncludeJti"],
};

/** Which fields of the stored entry an update with this mask replaces; absent means all. */
export function parseEntryMask(mask: WireEntryMask | undefined): EntryMask | undefined {
  if (mask === undefined) return undefined;
  const wanted = Object.entries(maskNames).filter(([field]) => mask[field as MaskField]);
  return new Set(wanted.flatMap(([, names]) => names));
}

function parseSelectors(wire: Entry["selectors"]): readonly Selector[] {
  if (wire.length === 0) throw invalid("ENTRY_NO_SELECTORS", "selector list is empty");
  return [...fromWireSelectors(wire)].sort(compareSelectors);
}

function parseDnsNames(names: readonly string[]): readonly string[] {
  for (const name of names) named("invalid DNS name", () => checkDnsName(name));
  return names;
}

function parseFederatesWith(names: readonly string[]): readonly TrustDomain[] {
  return names.map((name) => named("invalid federated trust domain", () => parseTrustDomain(name)));
}

function parseHint(hint: string): string {
  if (Buffer.byteLength(hint) <= maxHintBytes) return hint;
  throw invalid("ENTRY_HINT_LENGTH", `hint is too long, max length is ${maxHintBytes} characters`);
}

function named<T>(what: string, parse: () => T): T {
  try {
    return parse();
  } catch (error) {
    throw StatusError.from(error).prefixed(`${what}: `);
  }
}

function invalid(reason: string, message: string): StatusError {
  return new StatusError(Code.InvalidArgument, reason, message);
}
