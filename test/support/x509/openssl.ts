import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { runCommand } from "../child.ts";
import { Skipped } from "../scenario.ts";
import type { CertificateReader, CertificateReading } from "./reading.ts";

/** The `openssl` command. @throws {Skipped} where there is none. */
export async function opensslReader(): Promise<CertificateReader> {
  await runCommand(["openssl", "version"]).catch(() => {
    throw new Skipped("there is no openssl command here");
  });
  return {
    name: "OpenSSL",
    read: async (chainPem, rootsPath) => {
      const flags = ["-noout", "-serial", "-text", "-nameopt", "RFC2253"];
      const reading = parseText(await openssl(["x509", ...flags], chainPem));
      await verify(chainPem, rootsPath, reading.isCa ? ["any"] : ["sslserver", "sslclient"]);
      return reading;
    },
  };
}

async function openssl(args: readonly string[], input: string): Promise<string> {
  const { status, stdout, stderr } = await runCommand(["openssl", ...args], { input });
  if (status !== 0) throw new Error(`openssl ${args.join(" ")}: ${stderr}${stdout}`);
  return stdout;
}

async function verify(chainPem: string, rootsPath: string, purposes: readonly string[]): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), "openssl-"));
  try {
    const chain = join(folder, "chain.pem");
    writeFileSync(chain, chainPem);
    for (const purpose of purposes) {
      // Only the anchors given: not the system's.
      const anchors = ["-CAfile", rootsPath, "-no-CApath", "-no-CAstore"];
      await openssl(
        ["verify", "-x509_strict", "-purpose", purpose, ...anchors, "-untrusted", chain, chain],
        "",
      );
    }
  } finally {
    rmSync(folder, { recursive: true });
  }
}

const keyUsages: Readonly<Record<string, string>> = {
  "Digital Signature": "digitalSignature",
  "Non Repudiation": "contentCommitment",
  "Key Encipherment": "keyEncipherment",
  "Data Encipherment": "dataEncipherment",
  "Key Agreement": "keyAgreement",
  "Certificate Sign": "keyCertSign",
  "CRL Sign": "cRLSign",
};
const extendedKeyUsages: Readonly<Record<string, string>> = {
  "TLS Web Server Authentication": "serverAuth",
  "TLS Web Client Authentication": "clientAuth",
};
const signatureAlgorithms: Readonly<Record<string, string>> = {
  "ecdsa-with-SHA256": "ECDSA-SHA256",
  "ecdsa-with-SHA384": "ECDSA-SHA384",
  sha256WithRSAEncryption: "SHA256-RSA",
};
const extensionIds: Readonly<Record<string, string>> = {
  "X509v3 Subject Key Identifier": "2.5.29.14",
  "X509v3 Key Usage": "2.5.29.15",
  "X509v3 Subject Alternative Name": "2.5.29.17",
  "X509v3 Basic Constraints": "2.5.29.19",
  "X509v3 Authority Key Identifier": "2.5.29.35",
  "X509v3 Extended Key Usage": "2.5.29.37",
};

interface PrintedExtension {
  readonly id: string;
  readonly critical: boolean;
  readonly value: string;
}

function parseText(text: string): CertificateReading {
  const extensions = parseExtensions(text);
  const value = (id: string): string | undefined =>
    extensions.find((extension) => extension.id === id)?.value;
  const items = (id: string): string[] => value(id)?.split(", ") ?? [];
  const names = items("2.5.29.17");
  const constraints = value("2.5.29.19");
  return {
    version: Number(field(text, /Version: (\d+) /)),
    serialNumber: field(text, /^serial=(\w+)$/m)
      .toLowerCase()
      .replace(/^0+/, ""),
    subject: nameOf(field(text, /^ *Subject: (.*)$/m)),
    issuer: nameOf(field(text, /^ *Issuer: (.*)$/m)),
    notBefore: secondsOf(field(text, /Not Before: (.*)$/m)),
    notAfter: secondsOf(field(text, /Not After : (.*)$/m)),
    publicKey: /NIST CURVE: (\S+)/.exec(text)?.[1] ?? `RSA-${field(text, /Public-Key: \((\d+) bit\)/)}`,
    signatureAlgorithm: known(signatureAlgorithms, field(text, /^ *Signature Algorithm: (\S+)$/m)),
    keyUsages: items("2.5.29.15").map((name) => known(keyUsages, name)),
    extendedKeyUsages: items("2.5.29.37").map((name) => known(extendedKeyUsages, name)),
    basicConstraints: constraints !== undefined,
    isCa: constraints?.startsWith("CA:TRUE") ?? false,
    pathLength: Number(/pathlen:(\d+)/.exec(constraints ?? "")?.[1] ?? -1),
    subjectKeyId: hexOf(value("2.5.29.14")),
    authorityKeyId: hexOf(value("2.5.29.35")),
    uris: names.filter((name) => name.startsWith("URI:")).map((name) => name.slice(4)),
    dnsNames: names.filter((name) => name.startsWith("DNS:")).map((name) => name.slice(4)),
    otherNames: names.filter((name) => !/^(URI|DNS):/.test(name)).length,
    extensions: extensions.map(({ id }) => id).sort(),
    criticalExtensions: extensions
      .filter(({ critical }) => critical)
      .map(({ id }) => id)
      .sort(),
  };
}

/** Each is a line with the name, and one more indented further with the value. */
function parseExtensions(text: string): PrintedExtension[] {
  const block = /X509v3 extensions:\n([\s\S]*?)\n {4}Signature Algorithm/.exec(text)?.[1] ?? "";
  return [...block.matchAll(/^ {12}(\S.*?): ?(critical)?\s*\n {16}(.*)$/gm)].map(
    ([, name, critical, value]) => ({
      id: known(extensionIds, name ?? ""),
      critical: critical !== undefined,
      value: (value ?? "").trim(),
    }),
  );
}

function field(text: string, pattern: RegExp): string {
  const found = pattern.exec(text)?.[1];
  if (found === undefined) throw new Error(`openssl prints nothing like ${pattern}:\n${text}`);
  return found;
}

function known(names: Readonly<Record<string, string>>, name: string): string {
  const found = names[name];
  if (found === undefined) throw new Error(`openssl prints "${name}", which no profile has`);
  return found;
}

function nameOf(text: string): string {
  return text.replace("serialNumber=", "SERIALNUMBER=");
}

function secondsOf(text: string): number {
  return Date.parse(text) / 1000;
}

function hexOf(text = ""): string {
  return text.replaceAll(":", "").toLowerCase();
}
