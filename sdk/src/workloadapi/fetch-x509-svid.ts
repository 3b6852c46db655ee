import type { KeyObject } from "node:crypto";
import { SpiffeWorkloadAPIDefinition } from "@finial/proto/workload/workload";
import { credentials } from "@grpc/grpc-js";
import { parseCertificatesDer } from "../crypto/certificate-list.ts";
import { parsePrivateKeyDer } from "../crypto/key-pair.ts";
import { PublicKey } from "../crypto/public-key.ts";
import { createClient, openChannel } from "../rpc/client.ts";
import type { SpiffeId } from "../spiffe/spiffe-id.ts";
import { parseX509Svid } from "../spiffe/x509-svid.ts";
import { Code } from "../status/code.ts";
import { StatusError } from "../status/status-error.ts";
import { workloadApiTarget } from "./workload-api-target.ts";

/** An identity as the Workload API hands it out. */
export interface WorkloadX509Svid {
  readonly spiffeId: SpiffeId;
  /** Leaf first, without the trust anchor. */
  readonly chainDer: readonly Buffer[];
  readonly privateKey: KeyObject;
}

/**
 * Asks an agent for this process's identity, once.
 *
 * @param address of the Workload API, as in `SPIFFE_ENDPOINT_SOCKET`: `unix:///run/agent.sock` or `tcp://127.0.0.1:8000`.
 * @returns the first of the identities, which is the default one.
 * @throws {StatusError} InvalidArgument for the address; Internal for an answer that is no identity; else what the agent says.
 * @see SPIFFE Workload API, section 5.2.1
 */
export async function fetchX509Svid(
  address: string,
  { signal }: { readonly signal: AbortSignal },
): Promise<WorkloadX509Svid> {
  using channel = openChannel(workloadApiTarget(address), credentials.createInsecure());
  const workloadApi = createClient(SpiffeWorkloadAPIDefinition, channel);
  const metadata = { "workload.spiffe.io": "true" };
  for await (const { svids } of workloadApi.fetchX509SVID({}, { signal, metadata })) {
    const [first] = svids;
    if (first === undefined) break;
    return readSvid(first.x509Svid, first.x509SvidKey);
  }
  throw malformed("there were no SVIDs in the response");
}

function readSvid(svidDer: Buffer, keyPkcs8Der: Buffer): WorkloadX509Svid {
  try {
    const privateKey = parsePrivateKeyDer(keyPkcs8Der);
    const { spiffeId, chain } = parseX509Svid(parseCertificatesDer(svidDer).map(({ der }) => der));
    if (!PublicKey.of(privateKey).equals(chain[0].publicKey))
      throw malformed("leaf certificate does not match private key");
    return { spiffeId, chainDer: chain.map(({ der }) => der), privateKey };
  } catch (error) {
    throw malformed(StatusError.from(error).message, error);
  }
}

function malformed(message: string, cause?: unknown): StatusError {
  return new StatusError(Code.Internal, "WORKLOAD_X509_SVID", message, { source: "downstream", cause });
}
