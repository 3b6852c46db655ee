import { findKeyKind, parseAttestationData } from "@finial/plugin-common-x509pop";
import { Code, StatusError } from "@finial/sdk";
import { Certificate } from "@finial/sdk/crypto";

/** What Go takes: shorter keys can be factored, larger exponents only cost time. */
const minRsaKeyBits = 1024;
const maxRsaExponent = 2n ** 31n - 1n;

export interface ChainLimits {
  readonly maxIntermediates: number;
  readonly maxRsaKeyBits: number;
}

/**
 * The certificates an agent begins with. Nobody vouches for them yet, so all that is done with them is bounded: how many,
 * how large their keys.
 *
 * @returns leaf first.
 * @throws {StatusError} InvalidArgument.
 */
export function parseChain(payload: Buffer, limits: ChainLimits): readonly [Certificate, ...Certificate[]] {
  const [leafDer, ...intermediatesDer] = parseAttestationData(payload, limits);
  const leaf = parseCertificate(leafDer, "leaf certificate", limits);
  const intermediates = intermediatesDer.map((der, index) =>
    parseCertificate(der, `intermediate certificate ${index}`, limits),
  );
  return [leaf, ...intermediates];
}

function parseCertificate(der: Buffer, what: string, { maxRsaKeyBits }: ChainLimits): Certificate {
  try {
    const certificate = Certificate.parse(der);
    // Read later, and refused now when they cannot be.
    void [certificate.subject, certificate.issuer];
    const { keyObject } = certificate.publicKey;
    const { modulusLength, publicExponent = 0n } = keyObject.asymmetricKeyDetails ?? {};
    if (modulusLength === undefined) {
      if (keyObject.asymmetricKeyType === "ec" && findKeyKind(keyObject) === undefined)
        throw refused("KEY_CURVE", "x509: unsupported elliptic curve");
      return certificate;
    }
    if (modulusLength > maxRsaKeyBits) throw refused("KEY_SIZE", `${what} key size too large`);
    if (modulusLength < minRsaKeyBits) throw refused("KEY_SIZE", `${what} key size too small`);
    if (publicExponent > maxRsaExponent)
      throw refused("KEY_EXPONENT", "x509: RSA public exponent is too large");
    return certificate;
  } catch (error) {
    const status = StatusError.from(error);
    if (status.reason === "KEY_SIZE") throw status;
    throw refused("CERTIFICATE", `unable to parse ${what}: ${status.message}`, error);
  }
}

function refused(reason: string, message: string, cause?: unknown): StatusError {
  return new StatusError(Code.InvalidArgument, reason, message, { cause });
}
