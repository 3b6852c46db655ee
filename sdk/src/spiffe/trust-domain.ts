import { Code } from "../status/code.ts";
import { StatusError } from "../status/status-error.ts";

/** @see SPIFFE-ID, section 2.3 */
const maxBytes = 255;

/** A SPIFFE trust domain, such as `example.org`. Made by parseTrustDomain only, so it is always well-formed. */
export class TrustDomain {
  /** The bare name. */
  readonly name: string;

  private constructor(name: string) {
    this.name = name;
  }

  /** The text of the trust domain's own ID, which has no path: `spiffe://example.org`. */
  get idText(): string {
    return `spiffe://${this.name}`;
  }

  equals(other: TrustDomain): boolean {
    return this.name === other.name;
  }

  toString(): string {
    return this.name;
  }

  /**
   * The trust domain of this bare name; parseTrustDomain also takes IDs.
   *
   * @throws {StatusError} InvalidArgument with a `TRUST_DOMAIN_…` reason.
   */
  static checked(name: string): TrustDomain {
    for (let index = 0; index < name.length; index++) {
      if (!isTrustDomainChar(name.charCodeAt(index))) {
        throw new StatusError(
          Code.InvalidArgument,
          "TRUST_DOMAIN_CHARACTER",
          "trust domain characters are limited to lowercase letters, numbers, dots, dashes, and underscores",
        );
      }
    }
    if (name === "")
      throw new StatusError(Code.InvalidArgument, "TRUST_DOMAIN_MISSING", "trust domain is missing");
    if (name.length > maxBytes)
      throw new StatusError(
        Code.InvalidArgument,
        "TRUST_DOMAIN_LENGTH",
        `trust domain cannot be longer than ${maxBytes} bytes`,
      );
    return new TrustDomain(name);
  }
}

function isTrustDomainChar(code: number): boolean {
  return (
    (code >= 0x61 && code <= 0x7a) ||
    (code >= 0x30 && code <= 0x39) ||
    code === 0x2d ||
    code === 0x2e ||
    code === 0x5f
  );
}
