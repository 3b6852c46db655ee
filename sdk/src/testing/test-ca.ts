import { type KeyObject, sign } from "node:crypto";
import { Certificate } from "../crypto/certificate.ts";
import { type CertificateSigner, createCertificate } from "../crypto/certificate-writer.ts";
import { type DistinguishedName, encodeName } from "../crypto/distinguished-name.ts";
import { generatePrivateKey, type KeyPairType } from "../crypto/key-pair.ts";
import { toPem } from "../crypto/pem.ts";
import { PublicKey } from "../crypto/public-key.ts";
import {
  authorityKeyIdExtension,
  basicConstraintsExtension,
  ExtendedKeyUsageOid,
  extendedKeyUsageExtension,
  keyUsageExtension,
  subjectAltNameExtension,
  subjectKeyIdExtension,
  type X509Extension,
} from "../crypto/x509-extension.ts";
import type { Clock } from "../plugin/clock.ts";
import { systemClock } from "../plugin/system-clock.ts";
import type { Bundle } from "../spiffe/bundle.ts";
import { parseTrustDomain } from "../spiffe/parse-trust-domain.ts";
import { SpiffeId } from "../spiffe/spiffe-id.ts";
import type { TrustDomain } from "../spiffe/trust-domain.ts";

export interface TestCaOptions {
  /** By default `example.org`. */
  readonly trustDomain?: string;
  readonly clock?: Clock;
  /** By default `ec-p256`. */
  readonly keyType?: KeyPairType;
}

/** What a test may want to differ from what SPIRE would issue. */
export interface TestCertificateOptions {
  readonly keyType?: KeyPairType;
  /** By default an hour; may be negative. */
  readonly ttlSeconds?: number;
  readonly subject?: DistinguishedName;
  /** Besides the ID. */
  readonly dnsNames?: readonly string[];
  /** Each stands in for the one of the same type, or is added. */
  readonly extensions?: readonly X509Extension[];
  /** Types of extensions to leave out, dotted. */
  readonly without?: readonly string[];
}

/** An X.509-SVID with its key. */
export interface TestX509Svid {
  readonly spiffeId: SpiffeId;
  /** Leaf first, without the trust anchor. */
  readonly chainDer: readonly Buffer[];
  readonly chainPem: string;
  readonly privateKey: KeyObject;
  readonly keyPkcs8Der: Buffer;
  readonly keyPem: string;
}

/** Makes a certificate authority of a trust domain, for tests. */
export async function testCa(options: TestCaOptions = {}): Promise<TestCa> {
  const { trustDomain = "example.org", clock = systemClock, keyType = "ec-p256" } = options;
  const root = { trustDomain: parseTrustDomain(trustDomain), clock, chainDer: [] };
  const jwtKey = await generatePrivateKey("ec-p256");
  const privateKey = await generatePrivateKey(keyType);
  const self = new TestCa({ ...root, subject: caSubject, privateKey, jwtKey, rootDer: Buffer.alloc(0) });
  const rootDer = await self.certify(PublicKey.of(privateKey), {
    subject: caSubject,
    extensions: caExtensions(root.trustDomain),
    ttlSeconds: caTtlSeconds,
  });
  return new TestCa({ ...root, subject: caSubject, privateKey, jwtKey, rootDer });
}

const caSubject: DistinguishedName = { country: ["US"], organization: ["SPIFFE"], commonName: "test CA" };
const caTtlSeconds = 24 * 3600;
const defaultTtlSeconds = 3600;
/** Before its own time a certificate is valid already, for clocks that differ. */
const backdateMs = 10_000;
let lastSerialNumber = 0;

function caExtensions(trustDomain: TrustDomain): X509Extension[] {
  return [
    keyUsageExtension(["keyCertSign", "cRLSign"]),
    basicConstraintsExtension(true),
    subjectAltNameExtension({ uris: [trustDomain.idText], dnsNames: [] }, false),
  ];
}

interface TestCaParts {
  readonly trustDomain: TrustDomain;
  readonly clock: Clock;
  readonly subject: DistinguishedName;
  readonly privateKey: KeyObject;
  readonly jwtKey: KeyObject;
  /** The trust anchor. */
  readonly rootDer: Buffer;
  /** This CA's own certificate and those above it; empty for the root. */
  readonly chainDer: readonly Buffer[];
}

/** A certificate authority for tests: what it issues looks as SPIRE's does. */
export class TestCa {
  readonly trustDomain: TrustDomain;
  readonly privateKey: KeyObject;
  readonly jwtKeyId = "test-jwt-key";
  readonly #parts: TestCaParts;

  constructor(parts: TestCaParts) {
    this.#parts = parts;
    this.trustDomain = parts.trustDomain;
    this.privateKey = parts.privateKey;
  }

  /** The trust anchor: the root's certificate, for an intermediate, too. */
  get rootDer(): Buffer {
    return this.#parts.rootDer;
  }

  get rootPem(): string {
    return toPem("CERTIFICATE", this.rootDer);
  }

  get root(): Certificate {
    return Certificate.parse(this.rootDer);
  }

  /** Between what this issues and the trust anchor: this CA's own certificate first; empty for the root. */
  get chainDer(): readonly Buffer[] {
    return this.#parts.chainDer;
  }

  get jwtPublicKey(): PublicKey {
    return PublicKey.of(this.#parts.jwtKey);
  }

  get bundle(): Bundle {
    const { pkixDer } = this.jwtPublicKey;
    return {
      trustDomain: this.trustDomain,
      x509Authorities: [{ certificateDer: this.rootDer, tainted: false }],
      jwtAuthorities: [
        { keyId: this.jwtKeyId, publicKeyPkixDer: pkixDer, expiresAt: undefined, tainted: false },
      ],
      refreshHintSeconds: 0,
      sequenceNumber: 1,
    };
  }

  /** @param path such as `/db`. */
  async x509Svid(path: string, options: TestCertificateOptions = {}): Promise<TestX509Svid> {
    const spiffeId = SpiffeId.make(this.trustDomain, path);
    const privateKey = await generatePrivateKey(options.keyType ?? "ec-p256");
    const dnsNames = options.dnsNames ?? [];
    const leafDer = await this.certify(PublicKey.of(privateKey), {
      subject: { country: ["US"], organization: ["SPIRE"] },
      ...options,
      extensions: merged(
        [
          keyUsageExtension(["digitalSignature", "keyEncipherment", "keyAgreement"]),
          extendedKeyUsageExtension([ExtendedKeyUsageOid.serverAuth, ExtendedKeyUsageOid.clientAuth]),
          basicConstraintsExtension(false),
          subjectAltNameExtension({ uris: [spiffeId.toString()], dnsNames }, false),
        ],
        options.extensions,
      ),
    });
    const chainDer = [leafDer, ...this.chainDer];
    const keyPkcs8Der = privateKey.export({ format: "der", type: "pkcs8" });
    return {
      spiffeId,
      chainDer,
      chainPem: chainDer.map((der) => toPem("CERTIFICATE", der)).join(""),
      privateKey,
      keyPkcs8Der,
      keyPem: toPem("PRIVATE KEY", keyPkcs8Der),
    };
  }

  /** A CA below this one, of the same trust domain and bundle. */
  async intermediate(commonName: string, options: TestCertificateOptions = {}): Promise<TestCa> {
    const subject = options.subject ?? { ...caSubject, commonName };
    const privateKey = await generatePrivateKey(options.keyType ?? "ec-p256");
    const der = await this.certify(PublicKey.of(privateKey), {
      ttlSeconds: caTtlSeconds,
      ...options,
      subject,
      extensions: merged(caExtensions(this.trustDomain), options.extensions),
    });
    return new TestCa({ ...this.#parts, subject, privateKey, chainDer: [der, ...this.chainDer] });
  }

  /** A token of `sub`, `aud`, `exp`, `iat` and the claims given, which may stand in for those. */
  jwtSvid(
    path: string,
    options: {
      readonly audience: readonly string[];
      readonly ttlSeconds?: number;
      readonly claims?: Readonly<Record<string, unknown>>;
      readonly header?: Readonly<Record<string, unknown>>;
    },
  ): string {
    const now = Math.floor(this.#parts.clock.now().getTime() / 1000);
    const header = { alg: "ES256", kid: this.jwtKeyId, typ: "JWT", ...options.header };
    const claims = {
      sub: SpiffeId.make(this.trustDomain, path).toString(),
      aud: options.audience,
      exp: now + (options.ttlSeconds ?? defaultTtlSeconds),
      iat: now,
      ...options.claims,
    };
    const signed = [header, claims].map((part) => Buffer.from(JSON.stringify(part)).toString("base64url"));
    const message = signed.join(".");
    const key = { key: this.#parts.jwtKey, dsaEncoding: "ieee-p1363" } as const;
    return `${message}.${sign("SHA256", Buffer.from(message), key).toString("base64url")}`;
  }

  /** Any certificate of this CA; key identifiers are added unless `without` names them. @returns its DER. */
  async certify(publicKey: PublicKey, options: TestCertificateOptions): Promise<Buffer> {
    const { clock, subject, privateKey } = this.#parts;
    const signer = signerOf(privateKey);
    const nowMs = Math.floor(clock.now().getTime() / 1000) * 1000;
    const ttlMs = (options.ttlSeconds ?? defaultTtlSeconds) * 1000;
    const serialNumber = Buffer.alloc(8);
    serialNumber.writeBigUInt64BE(BigInt(++lastSerialNumber));
    const extensions = merged(
      [subjectKeyIdExtension(publicKey.subjectKeyId), authorityKeyIdExtension(signer.publicKey.subjectKeyId)],
      options.extensions,
    );
    return createCertificate(
      {
        serialNumber,
        issuerDer: encodeName(subject),
        subjectDer: encodeName(options.subject ?? {}),
        notBefore: new Date(Math.min(nowMs, nowMs + ttlMs) - backdateMs),
        notAfter: new Date(nowMs + ttlMs),
        pkixDer: publicKey.pkixDer,
        extensions: extensions.filter(({ oid }) => !options.without?.includes(oid)),
      },
      signer,
    );
  }
}

/** Signs certificates and requests with a key in this process. */
export function signerOf(privateKey: KeyObject): CertificateSigner {
  return {
    publicKey: PublicKey.of(privateKey),
    sign: (message, hash) => Promise.resolve(sign(hash, message, privateKey)),
  };
}

function merged(
  extensions: readonly X509Extension[],
  others: readonly X509Extension[] = [],
): readonly X509Extension[] {
  const replaced = new Set(others.map(({ oid }) => oid));
  return [...extensions.filter(({ oid }) => !replaced.has(oid)), ...others];
}
