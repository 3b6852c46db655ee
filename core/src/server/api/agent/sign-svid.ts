import { Code } from "@finial/sdk";
import { CertificateRequest } from "@finial/sdk/crypto";
import type { SpiffeId } from "@finial/sdk/spiffe";
import type { IssuedX509 } from "../../ca/x509-svid-issuer.ts";
import { failure } from "../failure.ts";
import type { AgentService } from "./service.ts";

/**
 * Issues an agent its X.509-SVID. The CSR gives its key and nothing more.
 *
 * @throws {StatusError} InvalidArgument for a CSR that is malformed or not signed by its own key; Internal.
 */
export async function signSvid(id: SpiffeId, csrDer: Buffer, { x509 }: AgentService): Promise<IssuedX509> {
  const { request, verified } = await verify(csrDer);
  if (!verified)
    throw failure(
      Code.InvalidArgument,
      "CSR_SIGNATURE",
      "failed to parse CSR",
      new Error("invalid signature"),
    );
  try {
    return await x509.issueToAgent(id, request.publicKey);
  } catch (error) {
    throw failure(Code.Internal, "X509_SVID_SIGN", "failed to sign X509 SVID", error);
  }
}

async function verify(
  csrDer: Buffer,
): Promise<{ readonly request: CertificateRequest; readonly verified: boolean }> {
  try {
    const request = CertificateRequest.parse(csrDer);
    return { request, verified: await request.verify() };
  } catch (error) {
    throw failure(Code.InvalidArgument, "CSR_MALFORMED", "failed to parse CSR", error);
  }
}
