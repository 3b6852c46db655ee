import type { datastore } from "@finial/sdk/server";
import { invalidArgument } from "../errors.ts";

const maxIdLength = 255;

/** Checks an entry to be created, by SPIRE's rules. @throws {StatusError} InvalidArgument. */
export function checkEntry(entry: datastore.Entry): void {
  checkSelectors(entry.selectors);
  if (entry.storeSvid && entry.disableX509SvidPrefetch)
    throw invalidArgument(
      "ENTRY_CACHE",
      "datastore-validation: specifying cache behaviour is incompatible with storable SVIDs",
    );
  if (entry.storeSvid) checkOneSelectorType(entry.selectors);
  if (entry.id.length > maxIdLength) throw invalid("ENTRY_ID_LENGTH", "entry ID too long");
  if (!/^[-.0-9A-Z_a-z]*$/.test(entry.id))
    throw invalid("ENTRY_ID_CHARACTER", "entry ID contains invalid characters");
  checkSpiffeId(entry.spiffeId);
  checkTtls(entry, { x509SvidTtl: true, jwtSvidTtl: true });
}

/** Checks the fields of an update that the mask names. @throws {StatusError} InvalidArgument. */
export function checkEntryUpdate(entry: datastore.Entry, mask: datastore.EntryMask): void {
  if (mask.selectors) checkSelectors(entry.selectors);
  if (mask.spiffeId) checkSpiffeId(entry.spiffeId);
  checkTtls(entry, mask);
}

/** Storable SVIDs have selectors of one platform. @throws {StatusError} InvalidArgument. */
export function checkOneSelectorType(selectors: readonly datastore.Selector[]): void {
  if (new Set(selectors.map(({ type }) => type)).size > 1)
    throw invalid("SELECTOR_TYPES", "selector types must be the same when store SVID is enabled");
}

function checkSelectors(selectors: readonly datastore.Selector[]): void {
  if (selectors.length === 0) throw invalid("SELECTORS_MISSING", "missing selector list");
}

function checkSpiffeId(spiffeId: string): void {
  if (spiffeId === "") throw invalid("SPIFFE_ID_MISSING", "missing SPIFFE ID");
}

function checkTtls(
  entry: datastore.Entry,
  mask: { readonly x509SvidTtl: boolean; readonly jwtSvidTtl: boolean },
): void {
  if (mask.x509SvidTtl && entry.x509SvidTtl < 0) throw invalid("X509_SVID_TTL", "X509SvidTtl is not set");
  if (mask.jwtSvidTtl && entry.jwtSvidTtl < 0) throw invalid("JWT_SVID_TTL", "JwtSvidTtl is not set");
}

function invalid(reason: string, words: string): Error {
  return invalidArgument(reason, `datastore-validation: invalid registration entry: ${words}`);
}
