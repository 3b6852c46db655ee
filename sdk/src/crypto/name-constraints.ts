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

/**
 * The first of the names that the constraints forbid, as Go says it; undefined when all are allowed.
 */
export function findForbiddenName(constraints: NameConstraints, names: SubjectAltName): string | undefined {
  const { permitted, excluded } = constraints;
  return (
    forbidden("URI", names.uris, permitted.uris, excluded.uris, matchesUri) ??
    forbidden("DNS name", names.dnsNames, permitted.dnsNames, excluded.dnsNames, matchesDomain) ??
    forbidden("email address", names.emails, permitted.emails, excluded.emails, matchesEmail) ??
    forbidden("IP address", names.ipAddresses, permitted.ipAddresses, excluded.ipAddresses, matchesIp)
  );
}

function forbidden<T extends string | Buffer>(
  kind: string,
  names: readonly T[],
  permitted: readonly T[],
  excluded: readonly T[],
  matches: (name: T, constraint: T) => boolean | undefined,
): string | undefined {
  for (const name of names) {
    const shown = typeof name === "string" ? name : name.toString("hex");
    // Undefined: the name is not of a form that constraints can be held against.
    for (const constraint of excluded)
      if (matches(name, constraint) !== false) return `${kind} "${shown}" is excluded by constraint`;
    if (permitted.length > 0 && !permitted.some((constraint) => matches(name, constraint) === true))
      return `${kind} "${shown}" is not permitted by any constraint`;
  }
  return undefined;
}

/** Go holds hosts of URIs against constraints as it does DNS names. */
function matchesUri(uri: string, constraint: string): boolean | undefined {
  const authority = /^[a-zA-Z][a-zA-Z0-9+.-]*:\/\/([^/?#]*)/.exec(uri)?.[1];
  const host = authority?.replace(/^.*@/, "").replace(/:\d*$/, "");
  if (host === undefined || host === "" || host.includes(":") || /^\d+(\.\d+){3}$/.test(host))
    return undefined;
  return matchesDomain(host, constraint);
}

function matchesDomain(name: string, constraint: string): boolean {
  const host = name.toLowerCase();
  if (constraint === "") return true;
  if (constraint.startsWith(".")) return host.endsWith(constraint) && host.length > constraint.length;
  return host === constraint || host.endsWith(`.${constraint}`);
}

function matchesEmail(mailbox: string, constraint: string): boolean | undefined {
  const at = mailbox.lastIndexOf("@");
  if (at <= 0) return undefined;
  const host = mailbox.slice(at + 1);
  const constraintAt = constraint.lastIndexOf("@");
  if (constraintAt === -1) return matchesDomain(host, constraint.toLowerCase());
  return (
    mailbox.slice(0, at) === constraint.slice(0, constraintAt) &&
    host.toLowerCase() === constraint.slice(constraintAt + 1).toLowerCase()
  );
}

function matchesIp(address: Buffer, constraint: Buffer): boolean {
  if (constraint.length !== 2 * address.length) return false;
  return address.every((octet, index) => {
    const mask = constraint[address.length + index] ?? 0;
    return (octet & mask) === ((constraint[index] ?? 0) & mask);
  });
}
