import type { BundleDefinition } from "@finial/proto/api/server/bundle/v1/bundle";
import type { Bundle as WireBundle } from "@finial/proto/api/types/bundle";
import { Code, type Logger, StatusError } from "@finial/sdk";
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

/** Undefined when the server does not have it, for an entry may name it before it is there; or has it only malformed. */
export async function findFederatedBundle(
  client: Client<typeof BundleDefinition>,
  trustDomain: TrustDomain,
  { logger, ...options }: CallOptions & { readonly logger: Logger },
): Promise<Bundle | undefined> {
  try {
    return checked(await client.getFederatedBundle({ trustDomain: trustDomain.name }, options));
  } catch (thrown) {
    const error = StatusError.from(thrown);
    const message = complaintOf(error);
    if (message === undefined) throw error;
    logger.warn(message, { federated_bundle: trustDomain.idText, error: error.message });
    return undefined;
  }
}

function complaintOf({ code, reason }: StatusError): string | undefined {
  if (code === Code.NotFound) return "Federated bundle not found";
  return reason === malformedReason
    ? "Received malformed bundle from SPIRE server; are the server and agent versions compatible?"
    : undefined;
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
