import { Code } from "@finial/sdk";
import { CertificateRequest } from "@finial/sdk/crypto";
import { failure } from "../failure.ts";

/**
 * Reads a CSR and checks that whoever sent it has its key.
 *
 * @throws {StatusError} InvalidArgument, in SPIRE's words.
 */
export async function readRequest(csrDer: Buffer, signatureMessage: string): Promise<CertificateRequest> {
  if (csrDer.length === 0) throw failure(Code.InvalidArgument, "CSR_MISSING", "missing CSR");
  const { request, verified } = await verify(csrDer);
  if (!verified)
    throw failure(
      Code.InvalidArgument,
      "CSR_SIGNATURE",
      signatureMessage,
      new Error("x509: signature check failed"),
    );
  return request;
}

async function verify(
  csrDer: Buffer,
): Promise<{ readonly request: CertificateRequest; readonly verified: boolean }> {
  try {
    const request = CertificateRequest.parse(csrDer);
    return { request, verified: await request.verify() };
  } catch (error) {
    throw failure(Code.InvalidArgument, "CSR_MALFORMED", "malformed CSR", error);
  }
}
