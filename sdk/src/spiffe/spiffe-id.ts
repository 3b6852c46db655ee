import { Code } from "../status/code.ts";
import { StatusError } from "../status/status-error.ts";
import { TrustDomain } from "./trust-domain.ts";

const scheme = "spiffe://";
const maxBytes = 2048;

/** A SPIFFE ID. Always well-formed: made by parsing or from checked parts only. */
export class SpiffeId {
  readonly trustDomain: TrustDomain;
  /** "" or "/…", without empty or dot segments. */
  readonly path: string;
  readonly #text: string;

  private constructor(trustDomain: TrustDomain, path: string) {
    this.trustDomain = trustDomain;
    this.path = path;
    this.#text = `${scheme}${trustDomain.name}${path}`;
  }

  /**
   * The ID with this path in this trust domain.
   *
   * @param path "" or "/segment…".
   * @throws {StatusError} InvalidArgument with a `SPIFFE_ID_…` reason.
   */
  static make(trustDomain: TrustDomain, path: string): SpiffeId {
    checkPath(path);
    const id = new SpiffeId(trustDomain, path);
    checkLength(id.#text);
    return id;
  }

  /** See parseSpiffeId. */
  static parse(text: string): SpiffeId {
    if (text === "") throw invalid("SPIFFE_ID_EMPTY", "cannot be empty");
    if (!text.startsWith(scheme)) throw invalid("SPIFFE_ID_SCHEME", "scheme is missing or invalid");
    checkLength(text);
    const slash = text.indexOf("/", scheme.length);
    const end = slash === -1 ? text.length : slash;
    return SpiffeId.make(TrustDomain.checked(text.slice(scheme.length, end)), text.slice(end));
  }

  memberOf(trustDomain: TrustDomain): boolean {
    return this.trustDomain.equals(trustDomain);
  }

  equals(other: SpiffeId): boolean {
    return this.#text === other.#text;
  }

  toString(): string {
    return this.#text;
  }

  toJSON(): string {
    return this.#text;
  }
}

/**
 * Parses a SPIFFE ID such as `spiffe://example.org/db`.
 *
 * @param text URI, at most 2048 bytes; no port, query, fragment or percent-encoding.
 * @returns an ID whose `path` is "" or begins with "/" and has no empty or dot segment.
 * @throws {StatusError} InvalidArgument with a `SPIFFE_ID_…` or `TRUST_DOMAIN_…` reason.
 * @see SPIFFE-ID, sections 2.1 to 2.3
 */
export function parseSpiffeId(text: string): SpiffeId {
  return SpiffeId.parse(text);
}

/**
 * Checks a path: "" or "/segment/segment…".
 *
 * @throws {StatusError} InvalidArgument with a `SPIFFE_ID_…` reason.
 * @see SPIFFE-ID, section 2.2
 */
export function checkPath(path: string): void {
  if (path === "") return;
  if (!path.startsWith("/")) throw invalid("SPIFFE_ID_LEADING_SLASH", "path must have a leading slash");
  const segments = path.slice(1).split("/");
  for (const [index, segment] of segments.entries()) {
    if (segment === "" && index === segments.length - 1)
      throw invalid("SPIFFE_ID_TRAILING_SLASH", "path cannot have a trailing slash");
    if (segment === "") throw invalid("SPIFFE_ID_EMPTY_SEGMENT", "path cannot contain empty segments");
    if (segment === "." || segment === "..")
      throw invalid("SPIFFE_ID_DOT_SEGMENT", "path cannot contain dot segments");
    checkSegmentCharacters(segment);
  }
}

function checkSegmentCharacters(segment: string): void {
  for (let index = 0; index < segment.length; index++) {
    const code = segment.charCodeAt(index);
    const allowed =
      (code >= 0x61 && code <= 0x7a) ||
      (code >= 0x41 && code <= 0x5a) ||
      (code >= 0x30 && code <= 0x39) ||
      code === 0x2d ||
      code === 0x2e ||
      code === 0x5f;
    if (!allowed)
      throw invalid(
        "SPIFFE_ID_CHARACTER",
        "path segment characters are limited to letters, numbers, dots, dashes, and underscores",
      );
  }
}

function checkLength(text: string): void {
  if (text.length > maxBytes) throw invalid("SPIFFE_ID_LENGTH", `cannot be longer than ${maxBytes} bytes`);
}

function invalid(reason: string, message: string): StatusError {
  return new StatusError(Code.InvalidArgument, reason, message);
}
