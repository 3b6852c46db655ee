import { Code } from "../status/code.ts";
import { StatusError } from "../status/status-error.ts";
import { contextTag, DerReader, malformed, primitiveContextTag, readWhole, Tag } from "./der.ts";
import { ia5, type SubjectAltName } from "./x509-extension.ts";

/** Names of one side of the constraints. */
interface Subtrees {
  /** Domains of hosts; one that begins with a dot means subdomains only. */
  readonly uris: readonly string[];
  readonly dnsNames: readonly string[];
  /** A mailbox, a host, or a domain that begins with a dot. */
  readonly emails: readonly string[];
  /** Address and mask, 8 or 32 octets. */
  readonly ipAddresses: readonly Buffer[];
}

/** What a CA may sign names of. @see RFC 5280, section 4.2.1.10 */
export interface NameConstraints {
  readonly permitted: Subtrees;
  readonly excluded: Subtrees;
  /** False when it constrains other kinds of names, too, such as directory names. */
  readonly complete: boolean;
}

/** @throws {StatusError} InvalidArgument `DER_MALFORMED`. */
export function readNameConstraints(value: Buffer): NameConstraints {
  const reader = readWhole(value, Tag.Sequence);
  const permitted = readSubtrees(reader.readOptional(contextTag(0))?.content);
  const excluded = readSubtrees(reader.readOptional(contextTag(1))?.content);
  reader.end();
  return {
    permitted: permitted.subtrees,
    excluded: excluded.subtrees,
    complete: permitted.complete && excluded.complete,
  };
}

function readSubtrees(content: Buffer | undefined): {
  readonly subtrees: Subtrees;
  readonly complete: boolean;
} {
  const uris: string[] = [];
  const dnsNames: string[] = [];
  const emails: string[] = [];
  const ipAddresses: Buffer[] = [];
  const reader = new DerReader(content ?? Buffer.alloc(0));
  let complete = true;
  while (!reader.atEnd) {
    const subtree = reader.enter(Tag.Sequence);
    const name = subtree.read();
    // A minimum or maximum is something that RFC 5280 never uses.
    if (!subtree.atEnd) complete = false;
    if (name.tag === primitiveContextTag(6)) uris.push(ia5(name.content).toLowerCase());
    else if (name.tag === primitiveContextTag(2)) dnsNames.push(ia5(name.content).toLowerCase());
    else if (name.tag === primitiveContextTag(1)) emails.push(ia5(name.content));
    else if (name.tag === primitiveContextTag(7)) ipAddresses.push(maskedAddress(name.content));
    else complete = false;
  }
  return { subtrees: { uris, dnsNames, emails, ipAddresses }, complete };
}

function maskedAddress(content: Buffer): Buffer {
  if (content.length !== 8 && content.length !== 32)
    throw malformed("an IP constraint of neither 8 nor 32 octets");
  return content;
}

/** As Go had it: a stranger's certificates of thousands of names under thousands of constraints would take minutes. */
const maxComparisons = 250_000;
/** No host or mailbox is longer. */
const maxNameLength = 1024;

/** Holds names against constraints; counts its work over all that one chain asks of it. */
export class NameCheck {
  #comparisons = 0;

  /**
   * The first of the names that the constraints forbid, as Go says it; undefined when all are allowed.
   *
   * @throws {StatusError} InvalidArgument `CHAIN_TOO_COMPLEX` for more names and constraints than anyone can compare.
   */
  findForbidden({ permitted, excluded }: NameConstraints, names: SubjectAltName): string | undefined {
    return (
      this.#forbidden("URI", names.uris, permitted.uris, excluded.uris, uriMatcher) ??
      this.#forbidden("DNS name", names.dnsNames, permitted.dnsNames, excluded.dnsNames, domainMatcher) ??
      this.#forbidden("email address", names.emails, permitted.emails, excluded.emails, emailMatcher) ??
      this.#forbidden("IP address", names.ipAddresses, permitted.ipAddresses, excluded.ipAddresses, ipMatcher)
    );
  }

  #forbidden<T extends string | Buffer>(
    kind: string,
    names: readonly T[],
    permitted: readonly T[],
    excluded: readonly T[],
    matcherOf: (name: T) => Matcher<T> | undefined,
  ): string | undefined {
    if (permitted.length + excluded.length === 0) return undefined;
    for (const name of names) {
      const shown = typeof name === "string" ? name : name.toString("hex");
      const matches = name.length > maxNameLength ? undefined : matcherOf(name);
      const counted = (constraint: T): boolean => {
        if (++this.#comparisons > maxComparisons) throw tooComplex();
        return matches?.(constraint) ?? false;
      };
      // What no constraint can be held against is forbidden by any.
      if (excluded.length > 0 && (matches === undefined || excluded.some(counted)))
        return `${kind} "${shown}" is excluded by constraint`;
      if (permitted.length > 0 && !permitted.some(counted))
        return `${kind} "${shown}" is not permitted by any constraint`;
    }
    return undefined;
  }
}

function tooComplex(): StatusError {
  return new StatusError(
    Code.InvalidArgument,
    "CHAIN_TOO_COMPLEX",
    "x509: too many names to hold against name constraints",
  );
}

type Matcher<T> = (constraint: T) => boolean;

/** Go holds hosts of URIs against constraints as it does DNS names. */
function uriMatcher(uri: string): Matcher<string> | undefined {
  const authority = /^[a-zA-Z][a-zA-Z0-9+.-]*:\/\/([^/?#]*)/.exec(uri)?.[1];
  const host = authority?.replace(/^.*@/, "").replace(/:\d*$/, "");
  if (host === undefined || host === "" || host.includes(":") || /^\d+(\.\d+){3}$/.test(host))
    return undefined;
  return domainMatcher(host);
}

function domainMatcher(name: string): Matcher<string> {
  const host = name.toLowerCase();
  return (constraint) => matchesDomain(host, constraint);
}

/** Both in lower case. */
function matchesDomain(host: string, constraint: string): boolean {
  if (constraint === "") return true;
  if (constraint.startsWith(".")) return host.endsWith(constraint) && host.length > constraint.length;
  return host === constraint || host.endsWith(`.${constraint}`);
}

function emailMatcher(mailbox: string): Matcher<string> | undefined {
  const at = mailbox.lastIndexOf("@");
  if (at <= 0) return undefined;
  const host = mailbox.slice(at + 1).toLowerCase();
  return (constraint) => {
    const constraintAt = constraint.lastIndexOf("@");
    const constraintHost = constraint.slice(constraintAt + 1).toLowerCase();
    if (constraintAt === -1) return matchesDomain(host, constraintHost);
    return mailbox.slice(0, at) === constraint.slice(0, constraintAt) && host === constraintHost;
  };
}

function ipMatcher(address: Buffer): Matcher<Buffer> {
  return (constraint) =>
    constraint.length === 2 * address.length &&
    address.every((octet, index) => {
      const mask = constraint[address.length + index] ?? 0;
      return (octet & mask) === ((constraint[index] ?? 0) & mask);
    });
}
