// @peculiar/x509 needs it, and first.
import "reflect-metadata";
import { webcrypto } from "node:crypto";
import { readFileSync } from "node:fs";
import * as x509 from "@peculiar/x509";
import type { CertificateReader, CertificateReading } from "./reading.ts";

/** The @peculiar/x509 package, on WebCrypto. */
export function peculiarReader(): CertificateReader {
  x509.cryptoProvider.set(webcrypto as Crypto);
  return {
    name: "@peculiar/x509",
    read: async (chainPem, rootsPath) => {
      const [leaf, ...others] = certificatesOf(chainPem);
      if (leaf === undefined) throw new Error("@peculiar/x509: an empty chain");
      const roots = certificatesOf(readFileSync(rootsPath, "utf8"));
      await verify(leaf, others, roots);
      return readingOf(leaf);
    },
  };
}

function certificatesOf(pem: string): x509.X509Certificate[] {
  return x509.PemConverter.decode(pem).map((der) => new x509.X509Certificate(der));
}

/** Signatures and times from the leaf up to a root. */
async function verify(
  leaf: x509.X509Certificate,
  others: readonly x509.X509Certificate[],
  roots: readonly x509.X509Certificate[],
): Promise<void> {
  const builder = new x509.X509ChainBuilder({ certificates: [...others, ...roots] });
  const chain = await builder.build(leaf);
  const top = chain.at(-1);
  if (top === undefined || !roots.some((root) => root.equal(top)))
    throw new Error(`@peculiar/x509: no way from "${leaf.subject}" to a root`);
  for (const [index, certificate] of chain.entries()) {
    const issuer = chain[index + 1] ?? top;
    if (!(await certificate.verify({ publicKey: issuer.publicKey })))
      throw new Error(`@peculiar/x509: "${certificate.subject}" does not verify`);
  }
}

const keyUsageNames = [
  "digitalSignature",
  "contentCommitment",
  "keyEncipherment",
  "dataEncipherment",
  "keyAgreement",
  "keyCertSign",
  "cRLSign",
  "encipherOnly",
  "decipherOnly",
];
const extendedKeyUsageNames: Readonly<Record<string, string>> = {
  "1.3.6.1.5.5.7.3.1": "serverAuth",
  "1.3.6.1.5.5.7.3.2": "clientAuth",
};

function readingOf(certificate: x509.X509Certificate): CertificateReading {
  const usages = certificate.getExtension(x509.KeyUsagesExtension)?.usages ?? 0;
  // Arrays of classes of its own, which `map` and `filter` would go on making.
  const extensions = [...certificate.extensions];
  const extended = [...(certificate.getExtension(x509.ExtendedKeyUsageExtension)?.usages ?? [])];
  const constraints = certificate.getExtension(x509.BasicConstraintsExtension);
  const names = [...(certificate.getExtension(x509.SubjectAlternativeNameExtension)?.names.items ?? [])];
  const namesOf = (type: string): string[] =>
    names.filter((name) => name.type === type).map(({ value }) => value);
  return {
    // The package tells no version; its parser takes only what has the fields of 3.
    version: 3,
    serialNumber: certificate.serialNumber.replace(/^0+/, ""),
    subject: nameOf(certificate.subject),
    issuer: nameOf(certificate.issuer),
    notBefore: certificate.notBefore.getTime() / 1000,
    notAfter: certificate.notAfter.getTime() / 1000,
    publicKey: publicKeyOf(certificate.publicKey.algorithm),
    signatureAlgorithm: signatureOf(certificate.signatureAlgorithm),
    keyUsages: keyUsageNames.filter((_, bit) => (usages & (1 << bit)) !== 0),
    extendedKeyUsages: extended.map((oid) => extendedKeyUsageNames[String(oid)] ?? String(oid)),
    basicConstraints: constraints !== null,
    isCa: constraints?.ca ?? false,
    pathLength: constraints?.pathLength ?? -1,
    subjectKeyId: certificate.getExtension(x509.SubjectKeyIdentifierExtension)?.keyId ?? "",
    authorityKeyId: certificate.getExtension(x509.AuthorityKeyIdentifierExtension)?.keyId ?? "",
    uris: namesOf("url"),
    dnsNames: namesOf("dns"),
    otherNames: names.filter(({ type }) => type !== "url" && type !== "dns").length,
    extensions: extensions.map(({ type }) => type).sort(),
    criticalExtensions: extensions
      .filter(({ critical }) => critical)
      .map(({ type }) => type)
      .sort(),
  };
}

/** It writes in the order of the bytes, which is RFC 2253's reversed. */
function nameOf(text: string): string {
  return text.split(", ").reverse().join(",").replace("2.5.4.5=", "SERIALNUMBER=");
}

function publicKeyOf(algorithm: object): string {
  const { namedCurve, modulusLength } = algorithm as { namedCurve?: string; modulusLength?: number };
  return namedCurve ?? `RSA-${modulusLength}`;
}

function signatureOf(algorithm: x509.X509Certificate["signatureAlgorithm"]): string {
  const { name, hash } = algorithm as { name: string; hash: { name: string } };
  const digest = hash.name.replace("-", "");
  return name === "ECDSA" ? `ECDSA-${digest}` : `${digest}-RSA`;
}
