import { SpiffeWorkloadAPIDefinition } from "@finial/proto/workload/workload";
import { Code, StatusError } from "@finial/sdk";
import { workloadApiTarget } from "@finial/sdk/agent";
import { parseCertificatesDer } from "@finial/sdk/crypto";
import { createClient, openChannel } from "@finial/sdk/internal";
import type { TrustDomain } from "@finial/sdk/spiffe";
import { credentials } from "@grpc/grpc-js";

/**
 * Asks another agent's Workload API for the X.509 authorities of a trust domain; DER.
 *
 * @param address `unix:///path` or `tcp://IP:port`.
 * @throws {StatusError} the other agent's; NotFound `BUNDLE_NOT_FOUND` when it does not know the trust domain.
 */
export async function fetchAuthorities(
  address: string,
  trustDomain: TrustDomain,
  { signal }: { readonly signal: AbortSignal },
): Promise<readonly Buffer[]> {
  using channel = openChannel(workloadApiTarget(address), credentials.createInsecure());
  const client = createClient(SpiffeWorkloadAPIDefinition, channel);
  for await (const { bundles } of client.fetchX509Bundles({}, { signal, metadata: securityHeader })) {
    const bundle = bundles[trustDomain.idText];
    if (bundle !== undefined) return parseCertificatesDer(bundle).map(({ der }) => der);
    break;
  }
  throw new StatusError(
    Code.NotFound,
    "BUNDLE_NOT_FOUND",
    `the Workload API at ${address} has no bundle of trust domain "${trustDomain.name}"`,
  );
}

/** @see SPIFFE Workload Endpoint, section 3 */
const securityHeader = { "workload.spiffe.io": "true" };
