import { Code } from "../status/code.ts";
import { StatusError } from "../status/status-error.ts";
import {
  contextTag,
  malformed,
  primitiveContextTag,
  readBitString,
  readInteger,
  readTime,
  readWhole,
  Tag,
} from "./der.ts";
import { type DistinguishedName, parseName } from "./distinguished-name.ts";
import { type NameConstraints, readNameConstraints } from "./name-constraints.ts";
import { PublicKey } from "./public-key.ts";
import { isSignatureValid } from "./signature.ts";
import { readSignatureAlgorithm, type VerifiableAlgorithm } from "./signature-algorithm.ts";
import {
  ExtensionOid,
  findExtension,
  type KeyUsage,
  readAuthorityKeyId,
  readBasicConstraints,
  readExtendedKeyUsage,
  readExtensions,
  readKeyUsage,
  readSubjectAltName,
  readSubjectKeyId,
  type SubjectAltName,
  type X509Extension,
} from "./x509-extension.ts";

const understood: ReadonlySet<string> = new Set(Object.values(ExtensionOid));
const noNames: SubjectAltName = { uris: [], dnsNames: [], emails: [], ipAddresses: [] };

/** A parsed X.509 certificate: version 3, or, as old trust anchors are, 1 or 2. @see RFC 5280 */
export class Certificate {
  readonly der: Buffer;
  readonly version: 1 | 2 | 3;
  readonly tbsDer: Buffer;
  readonly serialNumber: bigint;
  readonly issuerDer: Buffer;
  readonly subjectDer: Buffer;
  readonly notBefore: Date;
  readonly notAfter: Date;
  readonly pkixDer: Buffer;
  readonly extensions: readonly X509Extension[];
  readonly signatureAlgorithm: VerifiableAlgorithm | undefined;
  readonly signature: Buffer;
  readonly isCa: boolean;
  readonly pathLength: number | undefined;
  readonly keyUsage: ReadonlySet<KeyUsage> | undefined;
  readonly extendedKeyUsage: readonly string[];
  readonly subjectAltName: SubjectAltName;
  readonly subjectKeyId: Buffer | undefined;
  readonly authorityKeyId: Buffer | undefined;
  readonly nameConstraints: NameConstraints | undefined;
  #publicKey: PublicKey | undefined;

  private constructor(der: Buffer) {
    this.der = der;
    const outer = readWhole(der, Tag.Sequence);
    const tbs = outer.read(Tag.Sequence);
    const outerAlgorithm = readSignatureAlgorithm(outer);
    this.signature = readBitString(outer.readContent(Tag.BitString));
    outer.end();
    this.tbsDer = tbs.raw;
    this.signatureAlgorithm = outerAlgorithm.algorithm;

    const fields = tbs.reader();
    this.version = readVersion(fields.readOptional(contextTag(0))?.content);
    this.serialNumber = readInteger(fields.readContent(Tag.Integer));
    if (this.serialNumber < 0n) throw malformed("a negative serial number");
    if (!fields.readRaw(Tag.Sequence).equals(outerAlgorithm.raw))
      throw malformed("two different signature algorithms in one certificate");
    this.issuerDer = fields.readRaw(Tag.Sequence);
    const validity = fields.enter(Tag.Sequence);
    this.notBefore = readTime(validity.read());
    this.notAfter = readTime(validity.read());
    validity.end();
    this.subjectDer = fields.readRaw(Tag.Sequence);
    this.pkixDer = fields.readRaw(Tag.Sequence);
    if (this.version > 1) {
      fields.readOptional(primitiveContextTag(1));
      fields.readOptional(primitiveContextTag(2));
    }
    const extensions = this.version === 3 ? fields.readOptional(contextTag(3)) : undefined;
    fields.end();
    this.extensions =
      extensions === undefined ? [] : readExtensions(readWhole(extensions.content, Tag.Sequence));

    const read = <T>(oid: string, reader: (value: Buffer) => T): T | undefined => {
      const found = findExtension(this.extensions, oid);
      return found === undefined ? undefined : reader(found.value);
    };
    const constraints = read(ExtensionOid.BasicConstraints, readBasicConstraints);
    this.isCa = constraints?.isCa ?? false;
    this.pathLength = constraints?.pathLength;
    this.keyUsage = read(ExtensionOid.KeyUsage, readKeyUsage);
    this.extendedKeyUsage = read(ExtensionOid.ExtendedKeyUsage, readExtendedKeyUsage) ?? [];
    this.subjectAltName = read(ExtensionOid.SubjectAltName, readSubjectAltName) ?? noNames;
    this.subjectKeyId = read(ExtensionOid.SubjectKeyIdentifier, readSubjectKeyId);
    this.authorityKeyId = read(ExtensionOid.AuthorityKeyIdentifier, readAuthorityKeyId);
    this.nameConstraints = read(ExtensionOid.NameConstraints, readNameConstraints);
  }

  /** A critical extension that nothing here obeys; such a certificate must not be believed. @see RFC 5280, section 4.2 */
  get unhandledCriticalExtension(): X509Extension | undefined {
    return this.extensions.find(
      ({ oid, critical }) =>
        critical &&
        (!understood.has(oid) || (oid === ExtensionOid.NameConstraints && !this.nameConstraints?.complete)),
    );
  }

  /**
   * @param der one certificate and nothing more.
   * @throws {StatusError} InvalidArgument `CERTIFICATE_MALFORMED`.
   */
  static parse(der: Buffer): Certificate {
    try {
      return new Certificate(der);
    } catch (error) {
      const { message } = StatusError.from(error);
      throw new StatusError(
        Code.InvalidArgument,
        "CERTIFICATE_MALFORMED",
        `malformed certificate: ${message}`,
        {
          cause: error,
        },
      );
    }
  }

  /** @throws {StatusError} InvalidArgument `PUBLIC_KEY_MALFORMED`. */
  get publicKey(): PublicKey {
    this.#publicKey ??= PublicKey.parse(this.pkixDer);
    return this.#publicKey;
  }

  get subject(): DistinguishedName {
    return parseName(this.subjectDer);
  }

  get issuer(): DistinguishedName {
    return parseName(this.issuerDer);
  }

  /** True when `issuer`'s key has signed this certificate. Says nothing of names, times or usages. */
  isSignedBy(issuer: PublicKey): boolean {
    return isSignatureValid({
      algorithm: this.signatureAlgorithm,
      message: this.tbsDer,
      signature: this.signature,
      key: issuer.keyObject,
    });
  }
}

/** DER leaves version 1 out, as it is the default. */
function readVersion(content: Buffer | undefined): 1 | 2 | 3 {
  if (content === undefined) return 1;
  if (content.equals(Buffer.of(Tag.Integer, 1, 1))) return 2;
  if (content.equals(Buffer.of(Tag.Integer, 1, 2))) return 3;
  throw malformed("a certificate of no version there is");
}
