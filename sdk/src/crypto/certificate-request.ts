import { Code } from "../status/code.ts";
import { StatusError } from "../status/status-error.ts";
import { contextTag, type DerReader, malformed, readBitString, readOid, readWhole, Tag } from "./der.ts";
import { bitString, element, oid, sequence, setOf, smallInteger } from "./der-writer.ts";
import { type DistinguishedName, encodeName, parseName } from "./distinguished-name.ts";
import { PublicKey } from "./public-key.ts";
import { checkSignature } from "./signature.ts";
import {
  readSignatureAlgorithm,
  signatureAlgorithmFor,
  type VerifiableAlgorithm,
} from "./signature-algorithm.ts";
import {
  ExtensionOid,
  encodeExtension,
  findExtension,
  readExtensions,
  readSubjectAltName,
  type SubjectAltName,
  subjectAltNameExtension,
  type X509Extension,
} from "./x509-extension.ts";

const extensionRequestOid = "1.2.840.113549.1.9.14";

/** A parsed PKCS#10 certificate request. Nothing in it is believed before `verify`. @see RFC 2986 */
export class CertificateRequest {
  readonly der: Buffer;
  readonly subjectDer: Buffer;
  readonly publicKey: PublicKey;
  readonly extensions: readonly X509Extension[];
  readonly subjectAltName: SubjectAltName;
  readonly #infoDer: Buffer;
  readonly #algorithm: VerifiableAlgorithm | undefined;
  readonly #signature: Buffer;

  private constructor(der: Buffer) {
    this.der = der;
    const outer = readWhole(der, Tag.Sequence);
    const info = outer.read(Tag.Sequence);
    this.#algorithm = readSignatureAlgorithm(outer).algorithm;
    this.#signature = readBitString(outer.readContent(Tag.BitString));
    outer.end();
    this.#infoDer = info.raw;
    const fields = info.reader();
    if (!fields.readContent(Tag.Integer).equals(Buffer.of(0))) throw malformed("not a version 1 request");
    this.subjectDer = fields.readRaw(Tag.Sequence);
    this.publicKey = PublicKey.parseForUse(fields.readRaw(Tag.Sequence));
    const attributes = fields.readOptional(contextTag(0));
    fields.end();
    this.extensions = attributes === undefined ? [] : requestedExtensions(attributes.reader());
    const names = findExtension(this.extensions, ExtensionOid.SubjectAltName);
    this.subjectAltName =
      names === undefined
        ? { uris: [], dnsNames: [], emails: [], ipAddresses: [] }
        : readSubjectAltName(names.value);
  }

  /** @throws {StatusError} InvalidArgument `CSR_MALFORMED`. */
  static parse(der: Buffer): CertificateRequest {
    try {
      return new CertificateRequest(der);
    } catch (error) {
      throw malformedRequest(error);
    }
  }

  get subject(): DistinguishedName {
    return parseName(this.subjectDer);
  }

  /**
   * Whether the requester holds the key, checked off the event loop.
   *
   * @throws {StatusError} InvalidArgument `CSR_MALFORMED` for a key whose point is not on its curve, which `parse` did not look at.
   */
  async verify(): Promise<boolean> {
    try {
      return await checkSignature({
        algorithm: this.#algorithm,
        message: this.#infoDer,
        signature: this.#signature,
        key: this.publicKey,
      });
    } catch (error) {
      throw malformedRequest(error);
    }
  }
}

function malformedRequest(cause: unknown): StatusError {
  const { message } = StatusError.from(cause);
  return new StatusError(Code.InvalidArgument, "CSR_MALFORMED", `malformed CSR: ${message}`, { cause });
}

function requestedExtensions(attributes: DerReader): X509Extension[] {
  let extensions: X509Extension[] | undefined;
  while (!attributes.atEnd) {
    const attribute = attributes.enter(Tag.Sequence);
    const type = readOid(attribute.readContent(Tag.Oid));
    const values = attribute.enter(Tag.Set);
    attribute.end();
    if (type !== extensionRequestOid) continue;
    if (extensions !== undefined) throw malformed("extensions requested twice");
    extensions = readExtensions(values.enter(Tag.Sequence));
    values.end();
  }
  return extensions ?? [];
}

/**
 * Makes a request.
 *
 * @param sign signs the message with the key's algorithm; ASN.1 DER for ECDSA.
 */
export async function createCertificateRequest(options: {
  readonly publicKey: PublicKey;
  readonly subject?: DistinguishedName;
  readonly uris?: readonly string[];
  readonly dnsNames?: readonly string[];
  readonly sign: (message: Buffer, hash: "SHA256" | "SHA384" | "SHA512") => Promise<Buffer>;
}): Promise<Buffer> {
  const { uris = [], dnsNames = [], subject = {} } = options;
  const named = uris.length + dnsNames.length > 0;
  const names = subjectAltNameExtension({ uris, dnsNames }, false);
  const attributes = named
    ? element(contextTag(0), sequence(oid(extensionRequestOid), setOf(sequence(encodeExtension(names)))))
    : element(contextTag(0));
  const info = sequence(smallInteger(0), encodeName(subject), options.publicKey.pkixDer, attributes);
  const algorithm = signatureAlgorithmFor(options.publicKey);
  return sequence(info, algorithm.der, bitString(await options.sign(info, algorithm.hash)));
}
