import { Code, StatusError } from "@finial/sdk";
import type { Certificate } from "@finial/sdk/crypto";
import { parseSpiffeId, type SpiffeId, type TrustDomain } from "@finial/sdk/spiffe";

/**
 * What the path of the SVID that an agent gives in exchange says after the prefix.
 *
 * @param svidPrefix ends with "/".
 * @throws {StatusError} PermissionDenied.
 */
export function trimmedSvidPath(leaf: Certificate, svidPrefix: string, trustDomain: TrustDomain): string {
  const id = svidId(leaf);
  // An authority above ours may stand above other trust domains, too: ours does not speak for their IDs.
  if (!id.memberOf(trustDomain))
    throw refused(
      `valid SVID x509 cert not found: SPIFFE ID "${id}" is not a member of trust domain "${trustDomain}"`,
    );
  if (!id.path.startsWith(svidPrefix)) throw refused("x509 cert doesnt match SVID prefix");
  return id.path.slice(svidPrefix.length);
}

function svidId({ subjectAltName }: Certificate): SpiffeId {
  const [uri, ...others] = subjectAltName.uris.filter((uri) => /^spiffe:/i.test(uri));
  if (uri === undefined || others.length > 0) throw refused("valid SVID x509 cert not found");
  try {
    return parseSpiffeId(uri);
  } catch (error) {
    throw refused(`valid SVID x509 cert not found: ${StatusError.from(error).message}`);
  }
}

function refused(message: string): StatusError {
  return new StatusError(Code.PermissionDenied, "SVID", message);
}
