import type { BundleDefinition } from "@finial/proto/api/server/bundle/v1/bundle";
import { Code, type Logger, StatusError } from "@finial/sdk";
import type { CallOptions, Client } from "@finial/sdk/internal";
import type { Bundle, TrustDomain } from "@finial/sdk/spiffe";
import { fromWireBundle } from "../../kernel/convert/bundle.ts";

/** The bundle of the server's own trust domain, tainted authorities included. */
export async function getBundle(
  client: Client<typeof BundleDefinition>,
  options: CallOptions,
): Promise<Bundle> {
  return fromWireBundle(await client.getBundle({}, options));
}

/** Undefined when the server does not have it: an entry may name it before it is there. */
export async function findFederatedBundle(
  client: Client<typeof BundleDefinition>,
  trustDomain: TrustDomain,
  { logger, ...options }: CallOptions & { readonly logger: Logger },
): Promise<Bundle | undefined> {
  try {
    return fromWireBundle(await client.getFederatedBundle({ trustDomain: trustDomain.name }, options));
  } catch (thrown) {
    const error = StatusError.from(thrown);
    if (error.code !== Code.NotFound) throw error;
    logger.warn("Federated bundle not found", {
      federated_bundle: trustDomain.idText,
      error: error.message,
    });
    return undefined;
  }
}
