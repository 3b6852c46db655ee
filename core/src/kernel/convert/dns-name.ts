import { domainToASCII, domainToUnicode } from "node:url";
import { Code, StatusError } from "@finial/sdk";

const maxNameBytes = 253;
const maxLabelBytes = 63;

/**
 * Checks a DNS name of an entry or a certificate request; its first label may be `*`. As SPIRE, it asks for well-formed
 * labels (no empty or over-long one, hyphens inside only, valid punycode), not for host name characters.
 *
 * @throws {StatusError} InvalidArgument with a `DNS_NAME_…` reason
 */
export function checkDnsName(name: string): void {
  if (Buffer.byteLength(name) !== name.length) throw invalid("ASCII", "name must be ascii");
  const stars = name.split("*").length - 1;
  if (stars > 1) throw invalid("WILDCARDS", "too many wildcards");
  if (stars === 1 && !name.startsWith("*.")) throw invalid("WILDCARD", "wildcard must be first label");
  const plain = (stars === 1 ? name.slice(2) : name).trim();
  if (plain === "") throw invalid("EMPTY", "empty or only whitespace");
  if (plain.endsWith(".")) throw invalid("FINAL_DOT", "domain ends with dot");
  const labels = plain.split(".");
  if (labels.includes("") || plain.length > maxNameBytes) throw malformed(plain);
  for (const label of labels) if (!isLabel(label)) throw malformed(label);
}

function isLabel(label: string): boolean {
  if (label.length > maxLabelBytes || label.startsWith("-") || label.endsWith("-")) return false;
  if (!label.startsWith("xn--")) return label.length <= 4 || label.slice(2, 4) !== "--";
  const unicode = domainToUnicode(label);
  return unicode !== label && domainToASCII(unicode) === label;
}

/** Two lines, as SPIRE has it. */
function malformed(label: string): StatusError {
  return invalid("LABEL", `idna error\nidna: invalid label ${JSON.stringify(label)}`);
}

function invalid(reason: string, message: string): StatusError {
  return new StatusError(Code.InvalidArgument, `DNS_NAME_${reason}`, message);
}

/** The first name that a wildcard of the same list covers already, if there is one. */
export function findWildcardOverlap(names: readonly string[]): string | undefined {
  const all = new Set(names);
  return names.find((name) => !name.startsWith("*") && all.has(name.replace(/^[^.]*/, "*")));
}
