import { Code } from "../status/code.ts";
import { StatusError } from "../status/status-error.ts";
import type { Certificate } from "./certificate.ts";

/** Deep enough for nested deployments, bounded for hostile chains. */
const maxDepth = 16;

export interface ChainOptions {
  /** Leaf first; the others in any order. */
  readonly chain: readonly Certificate[];
  /** Trust anchors; they need not be self-signed. */
  readonly anchors: readonly Certificate[];
  readonly now: Date;
  /** The leaf must allow this, if it restricts its use at all. */
  readonly extendedKeyUsage?: string;
}

/**
 * Builds a path from the leaf to an anchor and checks each step: signature, names, validity, CA rights, path lengths.
 *
 * @returns the path, leaf first, anchor last.
 * @throws {StatusError} InvalidArgument `CHAIN_…` with the sentence Go gives.
 * @see RFC 5280, section 6
 */
export function verifyChain(options: ChainOptions): readonly Certificate[] {
  const { chain, anchors, now } = options;
  const leaf = chain[0];
  if (leaf === undefined) throw refused("CHAIN_EMPTY", "no certificate to verify");
  checkValidity(leaf, now);
  checkExtendedKeyUsage(leaf, options.extendedKeyUsage);
  const path = findPath([leaf], chain.slice(1), anchors, now);
  if (path === undefined)
    throw refused("CHAIN_UNKNOWN_AUTHORITY", "x509: certificate signed by unknown authority");
  return path;
}

function findPath(
  path: readonly Certificate[],
  intermediates: readonly Certificate[],
  anchors: readonly Certificate[],
  now: Date,
): readonly Certificate[] | undefined {
  const last = path[path.length - 1];
  if (last === undefined || path.length > maxDepth) return undefined;
  // An anchor is trusted as it is, the leaf itself included.
  if (anchors.some((anchor) => anchor.der.equals(last.der))) return path;
  const mayIssue = (issuer: Certificate): boolean => isIssuerOf(issuer, last, path.length - 1, now);
  const anchor = anchors.find(mayIssue);
  if (anchor !== undefined) return [...path, anchor];
  for (const issuer of intermediates) {
    if (path.some((certificate) => certificate.der.equals(issuer.der)) || !mayIssue(issuer)) continue;
    const found = findPath([...path, issuer], intermediates, anchors, now);
    if (found !== undefined) return found;
  }
  return undefined;
}

/** @param below how many CA certificates stand between the issuer and the leaf. */
function isIssuerOf(issuer: Certificate, subject: Certificate, below: number, now: Date): boolean {
  if (!issuer.subjectDer.equals(subject.issuerDer)) return false;
  if (subject.authorityKeyId && issuer.subjectKeyId && !subject.authorityKeyId.equals(issuer.subjectKeyId))
    return false;
  if (!issuer.isCa || (issuer.keyUsage !== undefined && !issuer.keyUsage.has("keyCertSign"))) return false;
  if (issuer.pathLength !== undefined && below > issuer.pathLength) return false;
  if (issuer.notBefore > now || issuer.notAfter < now) return false;
  return subject.isSignedBy(issuer.publicKey);
}

function checkValidity(certificate: Certificate, now: Date): void {
  const when = seconds(now);
  if (now > certificate.notAfter)
    throw refused(
      "CHAIN_EXPIRED",
      `x509: certificate has expired or is not yet valid: current time ${when} is after ${seconds(certificate.notAfter)}`,
    );
  if (now < certificate.notBefore)
    throw refused(
      "CHAIN_NOT_YET_VALID",
      `x509: certificate has expired or is not yet valid: current time ${when} is before ${seconds(certificate.notBefore)}`,
    );
}

function checkExtendedKeyUsage(leaf: Certificate, wanted: string | undefined): void {
  if (wanted === undefined || leaf.extendedKeyUsage.length === 0) return;
  const any = "2.5.29.37.0";
  if (!leaf.extendedKeyUsage.includes(wanted) && !leaf.extendedKeyUsage.includes(any))
    throw refused("CHAIN_USAGE", "x509: certificate specifies an incompatible key usage");
}

function seconds(date: Date): string {
  return date.toISOString().replace(/\.\d+Z$/, "Z");
}

function refused(reason: string, message: string): StatusError {
  return new StatusError(Code.InvalidArgument, reason, message);
}
