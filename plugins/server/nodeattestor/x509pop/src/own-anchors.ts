import { Code, type PluginHost, StatusError } from "@finial/sdk";
import { Certificate } from "@finial/sdk/crypto";
import { IdentityProviderDefinition } from "@finial/sdk/server";

/**
 * The X.509 authorities of the server's own trust domain, as the server says them now. None means that nobody is let in.
 *
 * @throws {StatusError} Internal.
 */
export async function fetchOwnAnchors(
  host: PluginHost,
  signal: AbortSignal,
): Promise<readonly Certificate[]> {
  try {
    const { bundle } = await identityProvider(host).fetchX509Identity({}, { signal });
    const anchors = (bundle?.x509Authorities ?? []).map(({ asn1 }) => Certificate.parse(asn1));
    if (anchors.length === 0) host.logger.warn("No trust bundle retrieved from SPIRE");
    return anchors;
  } catch (error) {
    const { message } = StatusError.from(error);
    throw new StatusError(Code.Internal, "TRUST_BUNDLE", `failed to get trust bundle: ${message}`, {
      source: "downstream",
      cause: error,
    });
  }
}

/** @throws {StatusError} FailedPrecondition when the host does not offer the service. */
export function identityProvider(host: PluginHost) {
  try {
    return host.service(IdentityProviderDefinition);
  } catch (error) {
    throw new StatusError(
      Code.FailedPrecondition,
      "IDENTITY_PROVIDER",
      "IdentityProvider host service is required",
      { cause: error },
    );
  }
}
