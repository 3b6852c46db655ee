import { Certificate } from "../crypto/certificate.ts";
import { verifyChain } from "../crypto/chain.ts";
import { Code } from "../status/code.ts";
import { StatusError } from "../status/status-error.ts";
import type { SpiffeId } from "./spiffe-id.ts";
import { parseSpiffeId } from "./spiffe-id.ts";
import type { TrustDomain } from "./trust-domain.ts";

/** What a verified X.509-SVID says. */
export interface VerifiedX509Svid {
  readonly spiffeId: SpiffeId;
  readonly leaf: Certificate;
  /** Leaf first, trust anchor last. */
  readonly path: readonly Certificate[];
}

/**
 * The SPIFFE ID of a leaf certificate, its form checked: one URI SAN, not a CA, no right to sign certificates.
 *
 * @throws {StatusError} InvalidArgument `X509_SVID_…`.
 * @see X509-SVID, sections 2 to 4
 */
export function x509SvidId(leaf: Certificate): SpiffeId {
  const [uri, ...more] = leaf.subjectAltName.uris;
  if (uri === undefined) throw refused("NO_URI", "certificate contains no URI SAN");
  if (more.length > 0) throw refused("MANY_URIS", "certificate contains more than one URI SAN");
  const id = parseSpiffeId(uri);
  if (leaf.isCa) throw refused("LEAF_IS_CA", "leaf certificate with CA flag set to true");
  if (leaf.keyUsage?.has("keyCertSign"))
    throw refused("LEAF_CERT_SIGN", "leaf certificate with KeyCertSign key usage");
  if (leaf.keyUsage?.has("cRLSign"))
    throw refused("LEAF_CRL_SIGN", "leaf certificate with KeyCrlSign key usage");
  return id;
}

/**
 * Verifies an X.509-SVID against trust bundles.
 *
 * @param chainDer leaf first.
 * @param anchorsOf the trust anchors of a trust domain; undefined when its bundle is not known.
 * @throws {StatusError} InvalidArgument `X509_SVID_…` or `CHAIN_…`.
 * @see X509-SVID, section 5
 */
export function verifyX509Svid(options: {
  readonly chainDer: readonly Buffer[];
  readonly anchorsOf: (trustDomain: TrustDomain) => readonly Certificate[] | undefined;
  readonly now: Date;
  readonly extendedKeyUsage?: string;
}): VerifiedX509Svid {
  const chain = options.chainDer.map((der) => Certificate.parse(der));
  const leaf = chain[0];
  if (leaf === undefined) throw refused("EMPTY", "empty certificates chain");
  const spiffeId = x509SvidId(leaf);
  const anchors = options.anchorsOf(spiffeId.trustDomain);
  if (anchors === undefined)
    throw refused("NO_BUNDLE", `no X.509 bundle for trust domain "${spiffeId.trustDomain.name}"`);
  const usage = options.extendedKeyUsage === undefined ? {} : { extendedKeyUsage: options.extendedKeyUsage };
  return { spiffeId, leaf, path: verifyChain({ chain, anchors, now: options.now, ...usage }) };
}

function refused(reason: string, message: string): StatusError {
  return new StatusError(Code.InvalidArgument, `X509_SVID_${reason}`, message);
}
