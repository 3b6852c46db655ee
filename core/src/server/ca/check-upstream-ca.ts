import { Code, StatusError } from "@finial/sdk";
import {
  authorityKeyIdExtension,
  Certificate,
  createCertificate,
  encodeName,
  subjectAltNameExtension,
} from "@finial/sdk/crypto";
import { SpiffeId, verifyX509Svid, type X509Authority } from "@finial/sdk/spiffe";
import type { ManagedKey } from "../facade/keymanager.ts";
import { newSerialNumber } from "./serial-number.ts";
import type { CaSurroundings } from "./x509-ca-certificate.ts";
import { checkX509Ca } from "./x509-validation.ts";

/**
 * Looks at what an upstream made of a request before anybody is given it: whether it is a CA for our key, and whether what it will
 * sign is trusted by whoever trusts the upstream's roots. Path lengths and name constraints above show only there.
 *
 * @returns the CA. @throws {StatusError} InvalidArgument `X509_CA_INVALID`, in SPIRE's words; the key manager's.
 */
export async function checkUpstreamCa(
  minted: { readonly chain: readonly Certificate[]; readonly roots: readonly X509Authority[] },
  key: ManagedKey,
  { settings, now }: Pick<CaSurroundings, "settings" | "now">,
): Promise<Certificate> {
  const [certificate] = minted.chain;
  const { trustDomain } = settings;
  if (certificate === undefined) throw invalid("empty chain");
  if (!certificate.publicKey.equals(key.publicKey))
    throw invalid("certificate public key does not match CSR");
  try {
    checkX509Ca(certificate, trustDomain, now());
  } catch (error) {
    throw invalid(StatusError.from(error).message, error);
  }
  const sampleDer = await signSample(certificate, key, SpiffeId.make(trustDomain, "/spire/throwaway"));
  try {
    const anchors = minted.roots.map(({ certificateDer }) => Certificate.parse(certificateDer));
    const chainDer = [sampleDer, ...minted.chain.map(({ der }) => der)];
    verifyX509Svid({ chainDer, anchorsOf: () => anchors, now: now() });
  } catch (error) {
    const { message } = StatusError.from(error);
    throw invalid(`X509 CA produced an invalid X509-SVID chain: ${message}`, error);
  }
  return certificate;
}

/** An SVID that nobody ever sees, for the CA's own key. */
async function signSample(issuer: Certificate, key: ManagedKey, id: SpiffeId): Promise<Buffer> {
  const names = { uris: [id.toString()], dnsNames: [] };
  return await createCertificate(
    {
      serialNumber: newSerialNumber(),
      issuerDer: issuer.subjectDer,
      subjectDer: encodeName({}),
      notBefore: issuer.notBefore,
      notAfter: issuer.notAfter,
      pkixDer: key.publicKey.pkixDer,
      extensions: [
        ...(issuer.subjectKeyId === undefined ? [] : [authorityKeyIdExtension(issuer.subjectKeyId)]),
        subjectAltNameExtension(names, true),
      ],
    },
    key,
  );
}

function invalid(why: string, cause?: unknown): StatusError {
  return new StatusError(
    Code.InvalidArgument,
    "X509_CA_INVALID",
    `X509 CA minted by upstream authority is invalid: ${why}`,
    { cause },
  );
}
