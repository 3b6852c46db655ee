import assert from "node:assert/strict";
import { createHash, type KeyObject, X509Certificate } from "node:crypto";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { toPem } from "@finial/sdk/crypto";
import { assertFields } from "../assert-fields.ts";
import type { CertificateReader, CertificateReading } from "./reading.ts";

/** Certificates begin this much early. */
const backdateSeconds = 10;

/** What a profile fixes of a certificate; the rest is the same for all of its kind. */
export interface ExpectedCertificate {
  /** For messages: `agent SVID`. */
  readonly title: string;
  /** Leaf first, DER. */
  readonly chainDer: readonly Buffer[];
  /** The certificate of the key that has signed it; its own for a root. */
  readonly issuerDer: Buffer;
  readonly rootsDer: readonly Buffer[];
  readonly kind: "ca" | "svid";
  /** RFC 2253; a CA's serial number is checked apart, and is `#` here. */
  readonly subject: string;
  readonly uri: string;
  readonly dnsNames?: readonly string[];
  /** "issuer": as long as its issuer lives, because asked for longer. */
  readonly ttlSeconds: number | "issuer";
}

const oids = {
  subjectKeyId: "2.5.29.14",
  keyUsage: "2.5.29.15",
  subjectAltName: "2.5.29.17",
  basicConstraints: "2.5.29.19",
  authorityKeyId: "2.5.29.35",
  extendedKeyUsage: "2.5.29.37",
};

/**
 * Has every reader read and verify a certificate, and compares each reading, every field of it, with the profile.
 *
 * @param folder for the files the readers want.
 * @throws an error that names the certificate, the reader and the fields.
 */
export async function checkX509Profile(
  expected: ExpectedCertificate,
  readers: readonly CertificateReader[],
  folder: string,
): Promise<void> {
  const [leafDer = Buffer.alloc(0)] = expected.chainDer;
  const rootsPath = join(folder, "roots.pem");
  writeFileSync(rootsPath, pemOf(expected.rootsDer));
  const readings: CertificateReading[] = [];
  for (const reader of readers) {
    const reading = await reader.read(pemOf(expected.chainDer), rootsPath);
    const profile = profileOf(expected, reading, new X509Certificate(leafDer));
    assertFields(`${expected.title} as ${reader.name} reads it`, reading, profile);
    readings.push(reading);
  }
  const [first, ...others] = readings;
  for (const other of others) assertFields(`${expected.title}: the readers do not agree`, other, first ?? {});
}

function profileOf(
  expected: ExpectedCertificate,
  reading: CertificateReading,
  leaf: X509Certificate,
): CertificateReading {
  const issuer = new X509Certificate(expected.issuerDer);
  const isCa = expected.kind === "ca";
  const isRoot = leaf.raw.equals(issuer.raw);
  const extensions = [
    oids.subjectKeyId,
    oids.keyUsage,
    oids.subjectAltName,
    oids.basicConstraints,
    ...(isRoot ? [] : [oids.authorityKeyId]),
    ...(isCa ? [] : [oids.extendedKeyUsage]),
  ];
  return {
    version: 3,
    ...serialNumberOf(expected, reading, isRoot),
    ...validityOf(expected, reading, issuer),
    issuer: isRoot ? reading.subject : reverseName(issuer.subject),
    publicKey: keyName(leaf.publicKey),
    signatureAlgorithm: signatureName(issuer.publicKey),
    keyUsages: isCa ? ["keyCertSign", "cRLSign"] : ["digitalSignature", "keyEncipherment", "keyAgreement"],
    extendedKeyUsages: isCa ? [] : ["serverAuth", "clientAuth"],
    basicConstraints: true,
    isCa,
    pathLength: -1,
    subjectKeyId: keyId(leaf.publicKey),
    authorityKeyId: isRoot ? "" : keyId(issuer.publicKey),
    uris: [expected.uri],
    dnsNames: expected.dnsNames ?? [],
    otherNames: 0,
    extensions: extensions.sort(),
    criticalExtensions: [oids.keyUsage, oids.basicConstraints],
  };
}

/** Random, at most 128 bits; a root bears its own in the subject, in decimal. */
function serialNumberOf(
  { title, subject }: ExpectedCertificate,
  reading: CertificateReading,
  isRoot: boolean,
): Pick<CertificateReading, "serialNumber" | "subject"> {
  const serialNumber = BigInt(`0x${reading.serialNumber}`);
  // A random number of 128 bits has a chance of one in 2^64 to be smaller.
  assert.ok(serialNumber >> 64n > 0n, `${title}: ${reading.serialNumber} is not random`);
  assert.ok(serialNumber >> 128n === 0n, `${title}: ${reading.serialNumber} has more than 128 bits`);
  const inSubject = /SERIALNUMBER=(\d+)/.exec(reading.subject)?.[1] ?? "";
  if (isRoot) assert.equal(inSubject, String(serialNumber), `${title}: the subject's serial number`);
  return { serialNumber: reading.serialNumber, subject: subject.replace("#", inSubject || "missing") };
}

function validityOf(
  { title, ttlSeconds }: ExpectedCertificate,
  { notBefore }: CertificateReading,
  issuer: X509Certificate,
): Pick<CertificateReading, "notBefore" | "notAfter"> {
  const issuedSecondsAgo = Date.now() / 1000 - backdateSeconds - notBefore;
  assert.ok(issuedSecondsAgo >= -1 && issuedSecondsAgo < 300, `${title}: issued ${issuedSecondsAgo} s ago`);
  const notAfter =
    ttlSeconds === "issuer" ? issuer.validToDate.getTime() / 1000 : notBefore + backdateSeconds + ttlSeconds;
  return { notBefore, notAfter };
}

/** The key ID of RFC 5280, 4.2.1.2 (1): SHA-1 of the bits of the public key. */
function keyId(key: KeyObject): string {
  return createHash("sha1").update(publicKeyBits(key)).digest("hex");
}

function publicKeyBits(key: KeyObject): Buffer {
  if (key.asymmetricKeyType === "rsa") return key.export({ type: "pkcs1", format: "der" });
  const { x = "", y = "" } = key.export({ format: "jwk" });
  return Buffer.concat([Buffer.of(4), Buffer.from(x, "base64url"), Buffer.from(y, "base64url")]);
}

function keyName(key: KeyObject): string {
  return key.export({ format: "jwk" }).crv ?? `RSA-${key.asymmetricKeyDetails?.modulusLength}`;
}

function signatureName(issuerKey: KeyObject): string {
  const name = keyName(issuerKey);
  return name === "P-256" ? "ECDSA-SHA256" : name === "P-384" ? "ECDSA-SHA384" : "SHA256-RSA";
}

/** Node writes one part a line, in the order of the bytes. */
function reverseName(subject: string): string {
  return subject.split("\n").reverse().join(",").replace("serialNumber=", "SERIALNUMBER=");
}

function pemOf(ders: readonly Buffer[]): string {
  return ders.map((der) => toPem("CERTIFICATE", der)).join("");
}
