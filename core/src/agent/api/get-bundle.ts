import type { BundleDefinition } from "@finial/proto/api/server/bundle/v1/bundle";
import type { Bundle as WireBundle } from "@finial/proto/api/types/bundle";
import { Code, type LogFields, type Logger, StatusError } from "@finial/sdk";
import { Certificate, PublicKey } from "@finial/sdk/crypto";
import type { CallOptions, Client } from "@finial/sdk/internal";
import type { Bundle, TrustDomain } from "@finial/sdk/spiffe";
import { fromWireBundle } from "../../kernel/convert/bundle.ts";

const malformedReason = "BUNDLE_MALFORMED";

/**
 * The bundle of the server's own trust domain, tainted authorities included.
 *
 * @throws {StatusError} the server's; Internal `BUNDLE_MALFORMED` when what it sent cannot be trusted in, even partly.
 */
export async function getBundle(
  client: Client<typeof BundleDefinition>,
  options: CallOptions,
): Promise<Bundle> {
  return checked(await client.getBundle({}, options));
}

/** The same, but undefined when it is malformed: the agent goes on with the one it has. */
export async function findBundle(
  client: Client<typeof BundleDefinition>,
  { logger, ...options }: CallOptions & { readonly logger: Logger },
): Promise<Bundle | undefined> {
  try {
    return await getBundle(client, options);
  } catch (error) {
    return undefinedIfMalformed(error, {}, logger);
  }
}

/** Undefined when the server does not have it, for an entry may name it before it is there; or has it only malformed. */
export async function findFederatedBundle(
  client: Client<typeof BundleDefinition>,
  trustDomain: TrustDomain,
  { logger, ...options }: CallOptions & { readonly logger: Logger },
): Promise<Bundle | undefined> {
  const fields = { federated_bundle: trustDomain.idText };
  try {
    return checked(await client.getFederatedBundle({ trustDomain: trustDomain.name }, options));
  } catch (thrown) {
    const error = StatusError.from(thrown);
    if (error.code !== Code.NotFound) return undefinedIfMalformed(error, fields, logger);
    logger.warn("Federated bundle not found", { ...fields, error: error.message });
    return undefined;
  }
}

function undefinedIfMalformed(thrown: unknown, fields: LogFields, logger: Logger): undefined {
  const error = StatusError.from(thrown);
  if (error.reason !== malformedReason) throw error;
  logger.warn("Received malformed bundle from SPIRE server; are the server and agent versions compatible?", {
    ...fields,
    error: error.message,
  });
}

/** What does not parse now would fail later, at every connection and every start. */
function checked(wire: WireBundle): Bundle {
  try {
    const bundle = fromWireBundle(wire);
    for (const { certificateDer } of bundle.x509Authorities) Certificate.parse(certificateDer);
    for (const { publicKeyPkixDer } of bundle.jwtAuthorities) PublicKey.parse(publicKeyPkixDer);
    return bundle;
  } catch (error) {
    const { message } = StatusError.from(error);
    throw new StatusError(Code.Internal, malformedReason, `failed to parse trust domain bundle: ${message}`);
  }
}
