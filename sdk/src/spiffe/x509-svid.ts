import { Certificate } from "../crypto/certificate.ts";
import { verifyChain } from "../crypto/chain.ts";
import { ExtensionOid } from "../crypto/x509-extension.ts";
import { Code } from "../status/code.ts";
import { StatusError } from "../status/status-error.ts";
import type { SpiffeId } from "./spiffe-id.ts";
import { parseSpiffeId } from "./spiffe-id.ts";
import type { TrustDomain } from "./trust-domain.ts";

/** A SEQUENCE of nothing. */
const emptyName = Buffer.of(0x30, 0x00);

/** What a verified X.509-SVID says. */
export interface VerifiedX509Svid {
  readonly spiffeId: SpiffeId;
  readonly leaf: Certificate;
  /** Leaf first, trust anchor last. */
  readonly path: readonly Certificate[];
}

/**
 * The SPIFFE ID of a leaf certificate, its form checked: one URI SAN with a path, not a CA, no right to sign
 * certificates. What a validator asks of a stranger's certificate; parseX509Svid asks more of one's own.
 *
 * @throws {StatusError} InvalidArgument `X509_SVID_…`.
 * @see X509-SVID, sections 2 to 4
 */
export function x509SvidId(leaf: Certificate): SpiffeId {
  const [uri, ...more] = leaf.subjectAltName.uris;
  if (uri === undefined) throw refused("NO_URI", "certificate contains no URI SAN");
  if (more.length > 0) throw refused("MANY_URIS", "certificate contains more than one URI SAN");
  const id = parseSpiffeId(uri);
  if (id.path === "") throw refused("NO_PATH", "leaf certificate SPIFFE ID must have a non-root path");
  if (leaf.isCa) throw refused("LEAF_IS_CA", "leaf certificate with CA flag set to true");
  if (leaf.keyUsage?.has("keyCertSign"))
    throw refused("LEAF_CERT_SIGN", "leaf certificate with KeyCertSign key usage");
  if (leaf.keyUsage?.has("cRLSign"))
    throw refused("LEAF_CRL_SIGN", "leaf certificate with KeyCrlSign key usage");
  return id;
}

/**
 * Reads an X.509-SVID one is to use oneself, and checks that it keeps to the standard: no signature, no time.
 *
 * @param chainDer leaf first.
 * @throws {StatusError} InvalidArgument `X509_SVID_…`, or `CERTIFICATE_MALFORMED`.
 * @see X509-SVID, sections 2 to 4
 */
export function parseX509Svid(chainDer: readonly Buffer[]): {
  readonly spiffeId: SpiffeId;
  readonly chain: readonly [Certificate, ...Certificate[]];
} {
  const [leaf, ...signing] = chainDer.map((der) => Certificate.parse(der));
  if (leaf === undefined) throw refused("EMPTY", "no certificates found");
  const spiffeId = x509SvidId(leaf);
  if (!leaf.keyUsage?.has("digitalSignature"))
    throw refused("KEY_USAGE", "leaf certificate must have 'digitalSignature' set as key usage");
  if (!isCritical(leaf, ExtensionOid.KeyUsage))
    throw refused("KEY_USAGE_NOT_CRITICAL", "leaf certificate must have a critical key usage extension");
  if (leaf.subjectDer.equals(emptyName) && !isCritical(leaf, ExtensionOid.SubjectAltName))
    throw refused(
      "SAN_NOT_CRITICAL",
      "leaf certificate without a subject must have a critical subject alternative name extension",
    );
  for (const certificate of signing) checkSigning(certificate);
  return { spiffeId, chain: [leaf, ...signing] };
}

function checkSigning(certificate: Certificate): void {
  if (!certificate.isCa) throw refused("SIGNING_NOT_CA", "signing certificate must have CA flag set to true");
  if (!certificate.keyUsage?.has("keyCertSign"))
    throw refused("SIGNING_KEY_USAGE", "signing certificate must have 'keyCertSign' set as key usage");
  const [uri, ...more] = certificate.subjectAltName.uris;
  if (more.length > 0) throw refused("MANY_URIS", "signing certificate contains more than one URI SAN");
  if (uri !== undefined && parseSpiffeId(uri).path !== "")
    throw refused("SIGNING_PATH", "signing certificate SPIFFE ID must not have a path");
}

function isCritical(certificate: Certificate, oid: string): boolean {
  return certificate.extensions.some((extension) => extension.oid === oid && extension.critical);
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
