import { type Clock, Code, type Logger, StatusError } from "@finial/sdk";
import { Certificate, ExtendedKeyUsageOid } from "@finial/sdk/crypto";
import { type Bundle, SpiffeId, type TrustDomain, verifyX509Svid } from "@finial/sdk/spiffe";

/** The ID of a trust domain's server. */
export function serverIdOf(trustDomain: TrustDomain): SpiffeId {
  return SpiffeId.make(trustDomain, "/spire/server");
}

/**
 * Checks that a chain is that of the server of the bundle's trust domain.
 *
 * @param chainDer leaf first.
 * @throws {StatusError} InvalidArgument `X509_SVID_…` or `CHAIN_…`; PermissionDenied `SERVER_ID` for another's.
 */
export function verifyServer(
  chainDer: readonly Buffer[],
  { bundle, clock }: { readonly bundle: Bundle; readonly clock: Clock },
): void {
  const { trustDomain } = bundle;
  const anchors = bundle.x509Authorities.map(({ certificateDer }) => Certificate.parse(certificateDer));
  const { spiffeId } = verifyX509Svid({
    chainDer,
    anchorsOf: (domain) => (domain.equals(trustDomain) ? anchors : undefined),
    now: clock.now(),
    extendedKeyUsage: ExtendedKeyUsageOid.serverAuth,
  });
  if (!spiffeId.equals(serverIdOf(trustDomain))) throw unexpectedId(spiffeId.toString());
}

/** Insecure bootstrap: anyone can make such a certificate; it shows that this is the server that was meant, not that it is genuine. */
export function checkServerName(
  chainDer: readonly Buffer[],
  { trustDomain, logger }: { readonly trustDomain: TrustDomain; readonly logger: Logger },
): void {
  logger.warn("Insecure bootstrap enabled; skipping server certificate verification");
  const [leaf] = chainDer;
  if (leaf === undefined)
    throw new StatusError(Code.PermissionDenied, "SERVER_CHAIN_EMPTY", "server chain is unexpectedly empty");
  const { uris } = Certificate.parse(leaf).subjectAltName;
  const expected = serverIdOf(trustDomain).toString();
  if (uris.length === 1 && uris[0] === expected) return;
  throw new StatusError(
    Code.PermissionDenied,
    "SERVER_ID",
    `expected server SPIFFE ID "${expected}"; got "${uris.join(", ")}"`,
  );
}

function unexpectedId(id: string): StatusError {
  return new StatusError(Code.PermissionDenied, "SERVER_ID", `unexpected ID "${id}"`);
}
