import { Code } from "../status/code.ts";
import { StatusError } from "../status/status-error.ts";
import type { Certificate } from "./certificate.ts";
import { formatName } from "./distinguished-name.ts";
import { NameCheck } from "./name-constraints.ts";
import type { PublicKey } from "./public-key.ts";

/** Deep enough for nested deployments, bounded for hostile chains. */
const maxDepth = 16;
/** As in Go: a hostile chain of certificates that all name each other has more paths than anyone can try. */
const maxSignatureChecks = 100;

const anyExtendedKeyUsage = "2.5.29.37.0";

/** What is said of an issuer by its place: given as trusted, or sent along by a stranger. */
type IssuerRole = "anchor" | "intermediate";

export interface ChainOptions {
  /** Leaf first; the others in any order. */
  readonly chain: readonly Certificate[];
  /** Trust anchors; they need not be self-signed, and may be of X.509 version 1. */
  readonly anchors: readonly Certificate[];
  readonly now: Date;
  /** Each certificate of the path must allow this, if it restricts its use at all. */
  readonly extendedKeyUsage?: string;
}

/**
 * Builds a path from the leaf to an anchor and checks each step: signature, names, validity, CA rights, path lengths,
 * name constraints, and that no critical extension goes unheeded.
 *
 * @returns the path, leaf first, anchor last.
 * @throws {StatusError} InvalidArgument `CHAIN_…` with the sentence Go gives.
 * @see RFC 5280, section 6
 */
export function verifyChain(options: ChainOptions): readonly Certificate[] {
  return new PathSearch(options).find(checkedLeaf(options));
}

/**
 * As verifyChain, but every path there is: cross-signed authorities stand at the end of several.
 *
 * @returns at least one path.
 */
export function verifyChains(options: ChainOptions): readonly (readonly Certificate[])[] {
  return new PathSearch(options).findAll(checkedLeaf(options));
}

function checkedLeaf(options: ChainOptions): Certificate {
  const leaf = options.chain[0];
  if (leaf === undefined) throw refused("CHAIN_EMPTY", "no certificate to verify");
  const untimely = validityProblem(leaf, options.now);
  if (untimely !== undefined)
    throw refused(options.now > leaf.notAfter ? "CHAIN_EXPIRED" : "CHAIN_NOT_YET_VALID", untimely);
  if (leaf.unhandledCriticalExtension !== undefined)
    throw refused("CHAIN_CRITICAL_EXTENSION", "x509: unhandled critical extension");
  if (!allowsUsage(leaf, options.extendedKeyUsage))
    throw refused("CHAIN_USAGE", "x509: certificate specifies an incompatible key usage");
  return leaf;
}

class PathSearch {
  readonly #options: ChainOptions;
  readonly #names = new NameCheck();
  #candidates = 0;
  #hint = "";

  constructor(options: ChainOptions) {
    this.#options = options;
  }

  find(leaf: Certificate): readonly Certificate[] {
    for (const path of this.#paths([leaf], leaf)) return path;
    throw this.#unknownAuthority();
  }

  findAll(leaf: Certificate): readonly (readonly Certificate[])[] {
    const found: (readonly Certificate[])[] = [];
    try {
      for (const path of this.#paths([leaf], leaf)) found.push(path);
    } catch (error) {
      // As in Go, a search that grows too long keeps what it has found.
      if (found.length === 0) throw error;
    }
    if (found.length === 0) throw this.#unknownAuthority();
    return found;
  }

  *#paths(path: readonly Certificate[], last: Certificate): Generator<readonly Certificate[]> {
    const { anchors, chain } = this.#options;
    // An anchor is trusted as it is, the leaf itself included.
    if (anchors.some((anchor) => anchor.der.equals(last.der))) {
      yield path;
      return;
    }
    if (path.length >= maxDepth) return;
    for (const anchor of likeliestFirst(anchors, last))
      if (this.#mayIssue(anchor, "anchor", path)) yield [...path, anchor];
    for (const issuer of likeliestFirst(chain.slice(1), last)) {
      if (path.some((certificate) => certificate.der.equals(issuer.der))) continue;
      if (this.#mayIssue(issuer, "intermediate", path)) yield* this.#paths([...path, issuer], issuer);
    }
  }

  #unknownAuthority(): StatusError {
    return refused("CHAIN_UNKNOWN_AUTHORITY", `x509: certificate signed by unknown authority${this.#hint}`);
  }

  #mayIssue(issuer: Certificate, role: IssuerRole, path: readonly Certificate[]): boolean {
    const subject = path.at(-1);
    if (subject === undefined || !issuer.subjectDer.equals(subject.issuerDer)) return false;
    if (++this.#candidates > maxSignatureChecks)
      throw refused(
        "CHAIN_TOO_COMPLEX",
        "x509: signature check attempts limit reached while verifying certificate chain",
      );
    // In Go's order: what takes long is done for those only who have signed.
    const problem =
      rightsProblem(issuer, role) ??
      signatureProblem(issuer, subject) ??
      issuerProblem(issuer, path, this.#options) ??
      this.#nameProblem(issuer, path);
    if (problem === undefined) return true;
    this.#hint ||= ` (possibly because of ${JSON.stringify(problem)} while trying to verify candidate authority certificate ${JSON.stringify(nameOf(issuer))})`;
    return false;
  }

  #nameProblem({ nameConstraints }: Certificate, path: readonly Certificate[]): string | undefined {
    if (nameConstraints === undefined) return undefined;
    for (const { subjectAltName } of path) {
      const forbidden = this.#names.findForbidden(nameConstraints, subjectAltName);
      if (forbidden !== undefined)
        return `x509: a root or intermediate certificate is not authorized to sign for this name: ${forbidden}`;
    }
    return undefined;
  }
}

/** Those with the subject's authority key id come first, those with another last: a matter of speed, not of trust. */
function likeliestFirst(issuers: readonly Certificate[], subject: Certificate): readonly Certificate[] {
  const wanted = subject.authorityKeyId;
  if (wanted === undefined) return issuers;
  const rank = ({ subjectKeyId }: Certificate): number =>
    subjectKeyId === undefined ? 1 : subjectKeyId.equals(wanted) ? 0 : 2;
  return [...issuers].sort((left, right) => rank(left) - rank(right));
}

/** Undefined for a key of a kind that OpenSSL cannot read: another issuer of the same name may have a better one. */
function findPublicKey(issuer: Certificate): PublicKey | undefined {
  try {
    return issuer.publicKey;
  } catch {
    return undefined;
  }
}

/**
 * Why this certificate may not sign others at all. As in Go, a trust anchor of before version 3, which cannot say that it is a
 * CA, is believed to be one; what says that it is none, or could say so and does not, is believed, too.
 */
function rightsProblem(issuer: Certificate, role: IssuerRole): string | undefined {
  if (!issuer.isCa && !(role === "anchor" && issuer.version < 3))
    return "x509: certificate is not authorized to sign other certificates";
  if (issuer.keyUsage !== undefined && !issuer.keyUsage.has("keyCertSign"))
    return "x509: invalid signature: parent certificate cannot sign this kind of certificate";
  return undefined;
}

/** Why the subject cannot be believed to be this issuer's. */
function signatureProblem(issuer: Certificate, subject: Certificate): string | undefined {
  const key = findPublicKey(issuer);
  if (subject.signatureAlgorithm === undefined || key === undefined)
    return "x509: cannot verify signature: algorithm unimplemented";
  return subject.isSignedBy(key) ? undefined : "x509: invalid signature";
}

/** Why this certificate may not stand above the path; its names are looked at last. */
function issuerProblem(
  issuer: Certificate,
  path: readonly Certificate[],
  options: ChainOptions,
): string | undefined {
  if (issuer.unhandledCriticalExtension !== undefined) return "x509: unhandled critical extension";
  const untimely = validityProblem(issuer, options.now);
  if (untimely !== undefined) return untimely;
  if (issuer.pathLength !== undefined && path.length - 1 > issuer.pathLength)
    return "x509: too many intermediates for path length constraint";
  if (!allowsUsage(issuer, options.extendedKeyUsage))
    return "x509: certificate specifies an incompatible key usage";
  return undefined;
}

function validityProblem(certificate: Certificate, now: Date): string | undefined {
  const { notBefore, notAfter } = certificate;
  if (now >= notBefore && now <= notAfter) return undefined;
  const bound = now > notAfter ? `after ${seconds(notAfter)}` : `before ${seconds(notBefore)}`;
  return `x509: certificate has expired or is not yet valid: current time ${seconds(now)} is ${bound}`;
}

function allowsUsage({ extendedKeyUsage }: Certificate, wanted: string | undefined): boolean {
  return (
    wanted === undefined ||
    extendedKeyUsage.length === 0 ||
    extendedKeyUsage.includes(wanted) ||
    extendedKeyUsage.includes(anyExtendedKeyUsage)
  );
}

function nameOf(certificate: Certificate): string {
  const unnamed = `serial:${certificate.serialNumber}`;
  try {
    const { subject } = certificate;
    return subject.commonName || subject.organization?.[0] || formatName(subject) || unnamed;
  } catch {
    // It is named in a sentence only; that its name is malformed is no reason to look no further.
    return unnamed;
  }
}

function seconds(date: Date): string {
  return date.toISOString().replace(/\.\d+Z$/, "Z");
}

function refused(reason: string, message: string): StatusError {
  return new StatusError(Code.InvalidArgument, reason, message);
}
