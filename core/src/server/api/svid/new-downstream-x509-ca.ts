import { createHash } from "node:crypto";
import { Code, StatusError } from "@finial/sdk";
import { toWireSeconds } from "../../../kernel/convert/instant.ts";
import { audit } from "../audit.ts";
import { failure } from "../failure.ts";
import { readRequest } from "./certificate-request.ts";
import type { SvidCall, SvidService } from "./service.ts";

/**
 * Issues the CA of a server below this one.
 *
 * Throws ResourceExhausted when the caller does this too often, InvalidArgument for a bad CSR, NotFound when there is no
 * bundle, Internal when it cannot be signed.
 */
export function newDownstreamX509Ca(service: SvidService): SvidCall<"newDownstreamX509CA"> {
  const { x509, trustDomain, logger, rateLimit } = service;
  return async ({ csr, preferredTtl }, context) => {
    audit(context, () => ({
      csr: createHash("sha256").update(csr).digest("hex"),
      trust_domain_id: trustDomain.idText,
    }));
    try {
      await rateLimit(context, 1);
    } catch (error) {
      const what = "rejecting request due to downstream CA signing rate limit";
      throw failure(StatusError.from(error).code, "RATE_LIMIT", what, error);
    }
    const { publicKey } = await readRequest(csr, "invalid CSR signature");
    const issue = async () => {
      try {
        return await x509.issueDownstreamCa(publicKey, preferredTtl * 1000);
      } catch (error) {
        throw failure(Code.Internal, "X509_CA_SIGN", "failed to sign downstream X.509 CA", error);
      }
    };
    const { certificate, chainDer } = await issue();
    logger.debug("Signed X509 CA SVID", {
      spiffe_id: trustDomain.idText,
      expiration: certificate.notAfter.toISOString(),
    });
    const bundle = await findBundle(service);
    audit(context, () => ({ expires_at: toWireSeconds(certificate.notAfter) }));
    return {
      caCertChain: [...chainDer],
      x509Authorities: bundle.x509Authorities.map(({ certificateDer }) => certificateDer),
    };
  };
}

async function findBundle({ store, trustDomain }: SvidService) {
  try {
    const bundle = await store.findBundle(trustDomain);
    if (bundle !== undefined) return bundle;
  } catch (error) {
    throw failure(Code.Internal, "BUNDLE_FETCH", "failed to fetch bundle", error);
  }
  throw failure(Code.NotFound, "BUNDLE_NOT_FOUND", "bundle not found");
}
