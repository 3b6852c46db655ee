import type { X509SVIDResponse } from "@finial/proto/workload/workload";
import { type Certificate, parseCertificatesDer, parsePrivateKeyDer } from "@finial/sdk/crypto";
import { parseSpiffeId, verifyX509Svid } from "@finial/sdk/spiffe";
import { messageOf } from "../../io.ts";
import { usageError } from "../../usage-error.ts";

type Certificates = readonly [Certificate, ...Certificate[]];

/** An X.509-SVID as a workload gets it, read and verified. */
export interface FetchedX509Svid {
  readonly spiffeId: string;
  readonly hint: string;
  /** Leaf first. */
  readonly certificates: Certificates;
  readonly keyPkcs8Der: Buffer;
  readonly bundle: Certificates;
  /** By the names of trust domains, or their IDs, in order. */
  readonly federatedBundles: ReadonlyMap<string, Certificates>;
}

/** @throws {StatusError} InvalidArgument saying which SVID is malformed, or does not verify. */
export function readX509Response(response: X509SVIDResponse, now: Date): readonly FetchedX509Svid[] {
  if (response.svids.length === 0) throw usageError("workload response contains no svids");
  const federatedBundles = new Map(
    Object.entries(response.federatedBundles)
      .sort(([one], [other]) => (one < other ? -1 : 1))
      .map(([trustDomain, der]) => [
        trustDomain,
        failing(`failed to parse bundle for federated domain "${trustDomain}"`, () => readCertificates(der)),
      ]),
  );
  const svids = response.svids.map((svid, index) =>
    failing(`failed to parse svid entry ${index} for spiffe id "${svid.spiffeId}"`, () => {
      parsePrivateKeyDer(svid.x509SvidKey);
      return {
        spiffeId: svid.spiffeId,
        hint: svid.hint,
        certificates: readCertificates(svid.x509Svid),
        keyPkcs8Der: svid.x509SvidKey,
        bundle: failing("failed to parse trust bundle", () => readCertificates(svid.bundle)),
        federatedBundles,
      };
    }),
  );
  for (const svid of svids)
    failing(`"${svid.spiffeId}" SVID failed verification against bundle`, () => verify(svid, now));
  return svids;
}

function verify({ spiffeId, certificates, bundle }: FetchedX509Svid, now: Date): void {
  const { trustDomain } = parseSpiffeId(spiffeId);
  verifyX509Svid({
    chainDer: certificates.map(({ der }) => der),
    anchorsOf: (other) => (other.equals(trustDomain) ? bundle : undefined),
    now,
  });
}

function readCertificates(der: Buffer): Certificates {
  const [first, ...others] = parseCertificatesDer(der);
  if (first === undefined) throw usageError("no certificates found");
  return [first, ...others];
}

function failing<T>(what: string, work: () => T): T {
  try {
    return work();
  } catch (error) {
    throw usageError(`${what}: ${messageOf(error)}`);
  }
}
