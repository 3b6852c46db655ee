import { createHash } from "node:crypto";
import { Code } from "@finial/sdk";
import type { CertificateRequest } from "@finial/sdk/crypto";
import { parseSpiffeId, type SpiffeId, type TrustDomain } from "@finial/sdk/spiffe";
import { checkDnsName, findWildcardOverlap } from "../../../kernel/convert/dns-name.ts";
import { toWireSeconds } from "../../../kernel/convert/instant.ts";
import { checkWorkloadId, toWireSpiffeId } from "../../../kernel/convert/spiffe-id.ts";
import { audit } from "../audit.ts";
import { failure } from "../failure.ts";
import { readRequest } from "./certificate-request.ts";
import { logSignedX509 } from "./log-signed.ts";
import type { SvidCall, SvidService } from "./service.ts";

/**
 * Issues an X.509-SVID for what a CSR asks for: ID, DNS names, subject. For operators.
 *
 * Throws InvalidArgument for a CSR that does not ask for one SVID of a workload here, Internal when it cannot be signed.
 */
export function mintX509Svid({ trustDomain, x509, logger }: SvidService): SvidCall<"mintX509SVID"> {
  return async ({ csr, ttl }, context) => {
    audit(context, () => ({ csr: createHash("sha256").update(csr).digest("hex"), ttl }));
    const request = await readRequest(csr, "failed to verify CSR signature");
    const id = idOf(request, trustDomain);
    const dnsNames = namesOf(request);
    const emptySubject = request.subjectDer.length === 2;
    const options = { id, publicKey: request.publicKey, dnsNames, ttlMs: ttl * 1000 };
    const issued = await sign(() =>
      x509.issueToWorkload(emptySubject ? options : { ...options, subject: request.subject }),
    );
    audit(context, () => ({
      spiffe_id: id.toString(),
      dns_name: dnsNames.join(","),
      expires_at: issued.notAfter.toISOString(),
    }));
    logSignedX509(logger, id, issued);
    return {
      svid: {
        id: toWireSpiffeId(id),
        certChain: issued.chainDer,
        expiresAt: toWireSeconds(issued.notAfter),
        hint: "",
      },
    };
  };
}

async function sign<T>(work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    throw failure(Code.Internal, "X509_SVID_SIGN", "failed to sign X509-SVID", error);
  }
}

function idOf(request: CertificateRequest, trustDomain: TrustDomain): SpiffeId {
  const [uri, ...more] = request.subjectAltName.uris;
  if (uri === undefined) throw failure(Code.InvalidArgument, "CSR_NO_URI", "CSR URI SAN is required");
  if (more.length > 0) throw failure(Code.InvalidArgument, "CSR_MANY_URIS", "only one URI SAN is expected");
  try {
    return checkWorkloadId(parseSpiffeId(uri), trustDomain);
  } catch (error) {
    throw failure(Code.InvalidArgument, "CSR_URI", "CSR URI SAN is invalid", error);
  }
}

function namesOf(request: CertificateRequest): readonly string[] {
  const { dnsNames } = request.subjectAltName;
  try {
    for (const name of dnsNames) checkDnsName(name);
  } catch (error) {
    throw failure(Code.InvalidArgument, "CSR_DNS_NAME", "CSR DNS name is invalid", error);
  }
  const overlap = findWildcardOverlap(dnsNames);
  if (overlap !== undefined)
    throw failure(
      Code.InvalidArgument,
      "CSR_DNS_OVERLAP",
      "CSR DNS name contains a wildcard that covers another non-wildcard name",
      new Error(`name "${overlap}" overlaps with an existing wildcard name in the list`),
    );
  return dnsNames;
}
