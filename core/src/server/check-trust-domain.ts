import { Code, type Logger, StatusError } from "@finial/sdk";
import type { TrustDomain } from "@finial/sdk/spiffe";
import type { DataStore } from "./facade/datastore.ts";

/**
 * Looks whether the store was filled by a server of this trust domain.
 *
 * @throws {StatusError} FailedPrecondition `TRUST_DOMAIN_MISMATCH` for entries of another; nodes of another are warned about.
 */
export async function checkTrustDomain(
  store: Pick<DataStore, "listEntries" | "listNodes">,
  trustDomain: TrustDomain,
  logger: Logger,
): Promise<void> {
  const page = { size: 1, token: "" };
  const [entry] = (await store.listEntries(undefined, page)).items;
  if (entry !== undefined && !entry.spiffeId.memberOf(trustDomain))
    throw new StatusError(
      Code.FailedPrecondition,
      "TRUST_DOMAIN_MISMATCH",
      `a registration entry with trust domain '${entry.spiffeId.trustDomain}' has been detected, which does not match the configured trust domain of '${trustDomain}'; clear the data store, or set the trust domain it was filled for`,
    );
  const [node] = (await store.listNodes(undefined, { page })).items;
  if (node !== undefined && !node.spiffeId.memberOf(trustDomain))
    logger.warn(
      `An attested node with trust domain '${node.spiffeId.trustDomain}' has been detected, which does not match the configured trust domain of '${trustDomain}': it will never be let in`,
    );
}
