import type { Entry } from "@finial/proto/api/types/entry";
import { parseSpiffeId } from "@finial/sdk/spiffe";
import { toWireSpiffeId } from "../../../kernel/convert/spiffe-id.ts";
import { type FlagValues, int, text, texts, toggle } from "../../flag.ts";
import { usageError } from "../../usage-error.ts";
import { parseSelectors } from "../match.ts";

/** What makes an entry, for create and update alike. */
export const entryFlags = {
  parentID: text("The SPIFFE ID of the entry's parent: an agent, or a node entry"),
  spiffeID: text("The SPIFFE ID that workloads get by this entry"),
  selector: texts("A selector as type:value that a workload must have"),
  x509SVIDTTL: int("Seconds that X509-SVIDs of this entry live; 0 is the server's default"),
  jwtSVIDTTL: int("Seconds that JWT-SVIDs of this entry live; 0 is the server's default"),
  data: text("A JSON file with entries, in place of all other flags; - is standard input"),
  federatesWith: texts("A trust domain whose bundle its workloads get"),
  admin: toggle("Its workloads may do everything with the server's APIs"),
  downstream: toggle("Its workloads are servers below this one, which may sign for the trust domain"),
  storeSVID: toggle("Its SVIDs go to an SVIDStore plugin, not to workloads"),
  entryExpiry: int("When the entry ends, in seconds since 1970; 0 is never", 0, Number.MAX_SAFE_INTEGER),
  dns: texts("A DNS name for its X509-SVIDs"),
  hint: text("A word to tell this entry's SVIDs from others by"),
  disableX509SVIDPrefetch: toggle("Agents make its X509-SVIDs only when asked for"),
  jwtSVIDIncludeJTI: toggle('Its JWT-SVIDs have a "jti" claim each, and are not kept by agents'),
};

type EntryFlagValues = FlagValues<typeof entryFlags>;

/** @throws {StatusError} InvalidArgument in SPIRE's words. */
export function checkTtls({ x509SVIDTTL, jwtSVIDTTL }: EntryFlagValues): void {
  if (x509SVIDTTL < 0) throw usageError("a positive x509-SVID TTL is required");
  if (jwtSVIDTTL < 0) throw usageError("a positive JWT-SVID TTL is required");
}

/** The entry that flags describe; the ID is for create to choose and for update to name. */
export function entryOf(
  flags: EntryFlagValues,
  entryId: string,
  parentId: NonNullable<Entry["parentId"]>,
): Omit<Entry, "revisionNumber" | "createdAt"> {
  const { disableX509SVIDPrefetch, jwtSVIDIncludeJTI } = flags;
  return {
    id: entryId,
    parentId,
    spiffeId: toWireSpiffeId(parseSpiffeId(flags.spiffeID)),
    selectors: parseSelectors(flags.selector),
    x509SvidTtl: flags.x509SVIDTTL,
    jwtSvidTtl: flags.jwtSVIDTTL,
    federatesWith: [...flags.federatesWith],
    admin: flags.admin,
    downstream: flags.downstream,
    storeSvid: flags.storeSVID,
    expiresAt: flags.entryExpiry,
    dnsNames: [...flags.dns],
    hint: flags.hint,
    additionalAttributes:
      disableX509SVIDPrefetch || jwtSVIDIncludeJTI
        ? { disableX509SvidPrefetch: disableX509SVIDPrefetch, jwtSvidIncludeJti: jwtSVIDIncludeJTI }
        : undefined,
  };
}
