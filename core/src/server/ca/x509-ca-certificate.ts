import {
  authorityKeyIdExtension,
  basicConstraintsExtension,
  Certificate,
  type CertificateSigner,
  createCertificate,
  createCertificateRequest,
  type DistinguishedName,
  encodeName,
  keyUsageExtension,
  type PublicKey,
  policiesExtension,
  subjectAltNameExtension,
  subjectKeyIdExtension,
  type X509Extension,
} from "@finial/sdk/crypto";
import type { ManagedKey } from "../facade/keymanager.ts";
import type { Composers } from "./compose.ts";
import type { CredentialSettings } from "./credential-settings.ts";
import { extensionsOf } from "./extensions.ts";
import { validity } from "./lifetime.ts";
import { formatSerialNumber, newSerialNumber } from "./serial-number.ts";
import { checkX509Ca } from "./x509-validation.ts";

export interface CaSurroundings {
  readonly settings: CredentialSettings;
  readonly composers: Composers;
  readonly now: () => Date;
}

/** Makes a root: its own issuer. @throws {StatusError} the key manager's or a composer's. */
export async function selfSignX509Ca(
  key: ManagedKey,
  { settings, composers, now }: CaSurroundings,
): Promise<Certificate> {
  const serialNumber = newSerialNumber();
  const attributes = await composers.x509Ca(plainAttributes(settings, serialNumber));
  const subjectDer = encodeName(attributes.subject);
  return await write({
    settings,
    now: now(),
    ttlMs: settings.caTtlMs,
    serialNumber,
    issuer: { subjectDer, notAfter: undefined, keyId: undefined, signer: key },
    subjectDer,
    publicKey: key.publicKey,
    attributes,
  });
}

/** The request an upstream authority is asked with. Policies are the upstream's to give. */
export async function requestX509Ca(
  key: ManagedKey,
  { settings, composers }: CaSurroundings,
): Promise<Buffer> {
  const { subject } = await composers.x509Ca(plainAttributes(settings, newSerialNumber()));
  return await createCertificateRequest({
    publicKey: key.publicKey,
    subject,
    uris: [settings.trustDomain.idText],
    sign: (message, hash) => key.sign(message, hash),
  });
}

/** Makes the CA of a server below this one. `chain` is what this server's SVIDs are sent with, or its root alone. */
export async function signDownstreamX509Ca(
  options: {
    readonly publicKey: PublicKey;
    /** 0: as long as this server's own. */
    readonly ttlMs: number;
    readonly issuer: { readonly certificate: Certificate; readonly key: ManagedKey };
    readonly depth: number;
  },
  { settings, composers, now }: CaSurroundings,
): Promise<Certificate> {
  const { certificate, key } = options.issuer;
  const serialNumber = newSerialNumber();
  const plain = plainAttributes(settings, serialNumber);
  const subject: DistinguishedName = {
    ...certificate.subject,
    organizationalUnit: [`DOWNSTREAM-${options.depth}`],
  };
  const attributes = await composers.x509Ca({ ...plain, subject });
  return await write({
    settings,
    now: now(),
    ttlMs: options.ttlMs > 0 ? options.ttlMs : settings.caTtlMs,
    serialNumber,
    issuer: {
      subjectDer: certificate.subjectDer,
      notAfter: certificate.notAfter,
      keyId: certificate.subjectKeyId,
      signer: key,
    },
    subjectDer: encodeName(attributes.subject),
    publicKey: options.publicKey,
    attributes,
  });
}

interface CaAttributes {
  readonly subject: DistinguishedName;
  readonly policyIdentifiers: readonly string[];
  readonly extraExtensions: readonly X509Extension[];
}

/** The serial number in the subject tells the CAs of one trust domain apart. */
function plainAttributes({ caSubject }: CredentialSettings, serialNumber: Buffer): CaAttributes {
  return {
    subject: { ...caSubject, serialNumber: caSubject.serialNumber || formatSerialNumber(serialNumber) },
    policyIdentifiers: [],
    extraExtensions: [],
  };
}

async function write(options: {
  readonly settings: CredentialSettings;
  readonly now: Date;
  readonly ttlMs: number;
  readonly serialNumber: Buffer;
  readonly issuer: {
    readonly subjectDer: Buffer;
    readonly notAfter: Date | undefined;
    readonly keyId: Buffer | undefined;
    readonly signer: CertificateSigner;
  };
  readonly subjectDer: Buffer;
  readonly publicKey: PublicKey;
  readonly attributes: CaAttributes;
}): Promise<Certificate> {
  const { settings, issuer, attributes } = options;
  const { trustDomain } = settings;
  const emptySubject = options.subjectDer.length === 2;
  const computed = [
    keyUsageExtension(["keyCertSign", "cRLSign"]),
    basicConstraintsExtension(true),
    subjectKeyIdExtension(options.publicKey.subjectKeyId),
    ...(issuer.keyId === undefined ? [] : [authorityKeyIdExtension(issuer.keyId)]),
    subjectAltNameExtension({ uris: [trustDomain.idText], dnsNames: [] }, emptySubject),
    ...(attributes.policyIdentifiers.length === 0 ? [] : [policiesExtension(attributes.policyIdentifiers)]),
  ];
  const der = await createCertificate(
    {
      serialNumber: options.serialNumber,
      issuerDer: issuer.subjectDer,
      subjectDer: options.subjectDer,
      ...validity(options.now, options.ttlMs, issuer.notAfter),
      pkixDer: options.publicKey.pkixDer,
      extensions: extensionsOf(computed, attributes.extraExtensions),
    },
    issuer.signer,
  );
  const certificate = Certificate.parse(der);
  checkX509Ca(certificate, trustDomain, options.now);
  return certificate;
}
