import { Code, StatusError } from "@finial/sdk";
import { CertificateRequest } from "@finial/sdk/crypto";
import { parseSpiffeId, type TrustDomain } from "@finial/sdk/spiffe";

/**
 * Reads a request for a CA of this trust domain: signed by its key, and of the trust domain's ID alone.
 *
 * @throws {StatusError} Internal `CSR`, as in SPIRE.
 */
export async function checkRequest(csrDer: Buffer, trustDomain: TrustDomain): Promise<CertificateRequest> {
  const { request, verified } = await verify(csrDer);
  if (!verified) throw refused("CSR signature check failed");
  const [uri, ...others] = request.subjectAltName.uris;
  if (uri === undefined || others.length > 0) throw refused("CSR must have exactly one URI SAN");
  const invalid = (why: string): StatusError =>
    refused(`CSR with SPIFFE ID ${JSON.stringify(uri)} is invalid: ${why}`);
  try {
    const id = parseSpiffeId(uri);
    if (id.path === "" && id.memberOf(trustDomain)) return request;
  } catch (error) {
    throw invalid(StatusError.from(error).message);
  }
  throw invalid(`must use the trust domain ID for trust domain "${trustDomain.name}"`);
}

async function verify(
  csrDer: Buffer,
): Promise<{ readonly request: CertificateRequest; readonly verified: boolean }> {
  try {
    const request = CertificateRequest.parse(csrDer);
    return { request, verified: await request.verify() };
  } catch (error) {
    throw refused(`unable to parse CSR: ${StatusError.from(error).message}`);
  }
}

function refused(message: string): StatusError {
  return new StatusError(Code.Internal, "CSR", `unable to sign CSR: ${message}`);
}
