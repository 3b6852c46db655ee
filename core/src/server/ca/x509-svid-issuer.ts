import { Code, StatusError } from "@finial/sdk";
import {
  authorityKeyIdExtension,
  basicConstraintsExtension,
  Certificate,
  createCertificate,
  type DistinguishedName,
  ExtendedKeyUsageOid,
  encodedOnce,
  encodeName,
  extendedKeyUsageExtension,
  keyUsageExtension,
  type PublicKey,
  subjectAltNameExtension,
  subjectKeyIdExtension,
  type X509Extension,
} from "@finial/sdk/crypto";
import { SpiffeId } from "@finial/sdk/spiffe";
import type { X509SvidAttributes } from "../facade/credentialcomposer.ts";
import { type ActiveAuthorities, authorityIdOf, type X509Ca } from "./authorities.ts";
import { svidSubject } from "./credential-settings.ts";
import { extensionsOf } from "./extensions.ts";
import { validity } from "./lifetime.ts";
import { newSerialNumber } from "./serial-number.ts";
import { type CaSurroundings, signDownstreamX509Ca } from "./x509-ca-certificate.ts";
import { checkX509Svid, checkX509SvidTimes } from "./x509-validation.ts";

/** An issued certificate with what it is sent with. */
export interface IssuedX509 {
  readonly certificate: Certificate;
  /** The certificate's. */
  readonly notAfter: Date;
  /** Leaf first, DER. */
  readonly chainDer: readonly Buffer[];
}

/** Most callers want no more of a certificate than its bytes and its end: it is read by those who ask. */
class Issued implements IssuedX509 {
  readonly notAfter: Date;
  readonly chainDer: readonly Buffer[];
  readonly #der: Buffer;
  #certificate: Certificate | undefined;

  constructor(der: Buffer, notAfter: Date, { upstreamChain }: X509Ca) {
    this.#der = der;
    this.notAfter = notAfter;
    this.chainDer = [der, ...upstreamChain.map(({ der }) => der)];
  }

  get certificate(): Certificate {
    this.#certificate ??= Certificate.parse(this.#der);
    return this.#certificate;
  }
}

const keyUsage = encodedOnce(keyUsageExtension(["digitalSignature", "keyEncipherment", "keyAgreement"]));
const extendedKeyUsage = encodedOnce(
  extendedKeyUsageExtension([ExtendedKeyUsageOid.serverAuth, ExtendedKeyUsageOid.clientAuth]),
);
const serverPath = "/spire/server";
const notCa = encodedOnce(basicConstraintsExtension(false));
/** Nearly all SVIDs have it. */
const svidSubjectDer = encodeName(svidSubject);

/** Issues X.509-SVIDs, and CAs for servers below, by the profiles of SPIRE. */
export class X509SvidIssuer {
  readonly #authorities: ActiveAuthorities;
  readonly #surroundings: CaSurroundings;
  #lastAuthorityKeyId:
    | { readonly issuer: Certificate; readonly extensions: readonly X509Extension[] }
    | undefined;

  constructor(authorities: ActiveAuthorities, surroundings: CaSurroundings) {
    this.#authorities = authorities;
    this.#surroundings = surroundings;
  }

  /** Whether the authority that issued the certificate is the one that signs now. */
  isFromActive({ authorityKeyId }: Certificate): boolean {
    const { subjectKeyId } = this.#authorities.getX509Ca().certificate;
    return authorityIdOf(authorityKeyId) === authorityIdOf(subjectKeyId);
  }

  async issueToServer(publicKey: PublicKey): Promise<IssuedX509> {
    const { composers, settings } = this.#surroundings;
    const attributes = await composers.serverX509Svid(plainAttributes(svidSubject, []));
    const id = SpiffeId.make(settings.trustDomain, serverPath);
    return await this.#issue({ id, publicKey, attributes, ttlMs: settings.x509SvidTtlMs });
  }

  async issueToAgent(id: SpiffeId, publicKey: PublicKey): Promise<IssuedX509> {
    const { composers, settings } = this.#surroundings;
    const attributes = await composers.agentX509Svid(plainAttributes(svidSubject, []), id, publicKey);
    return await this.#issue({ id, publicKey, attributes, ttlMs: settings.agentX509SvidTtlMs });
  }

  /** @param ttlMs 0 for the default. The first DNS name becomes the common name. */
  async issueToWorkload(options: {
    readonly id: SpiffeId;
    readonly publicKey: PublicKey;
    readonly dnsNames: readonly string[];
    readonly ttlMs: number;
    readonly subject?: DistinguishedName;
  }): Promise<IssuedX509> {
    const { composers, settings } = this.#surroundings;
    const { id, publicKey, dnsNames } = options;
    // Agents trust whoever has it. No entry can be made for it, but a data store may have been written by anybody.
    if (id.path === serverPath) throw refused(`invalid X509-SVID ID: "${id}" is the server's own`);
    const [commonName] = dnsNames;
    const base = options.subject ?? svidSubject;
    const subject = commonName === undefined ? base : { ...base, commonName };
    const plain = plainAttributes(subject, dnsNames);
    const attributes = composers.none ? plain : await composers.workloadX509Svid(plain, id, publicKey);
    const ttlMs = options.ttlMs > 0 ? options.ttlMs : settings.x509SvidTtlMs;
    return await this.#issue({ id, publicKey, attributes, ttlMs });
  }

  /** @param ttlMs 0 for as long as this server's own CA. */
  async issueDownstreamCa(publicKey: PublicKey, ttlMs: number): Promise<IssuedX509> {
    const ca = this.#authorities.getX509Ca();
    const issuer = { certificate: ca.certificate, key: ca.key };
    const depth = Math.max(ca.upstreamChain.length, 1);
    const certificate = await signDownstreamX509Ca({ publicKey, ttlMs, issuer, depth }, this.#surroundings);
    return new Issued(certificate.der, certificate.notAfter, ca);
  }

  async #issue(options: {
    readonly id: SpiffeId;
    readonly publicKey: PublicKey;
    readonly attributes: X509SvidAttributes;
    readonly ttlMs: number;
  }): Promise<IssuedX509> {
    const { id, publicKey, attributes } = options;
    const { composers, settings, now } = this.#surroundings;
    if (!id.memberOf(settings.trustDomain))
      throw refused(
        `invalid X509-SVID ID: "${id}" is not a member of trust domain "${settings.trustDomain.name}"`,
      );
    const ca = this.#authorities.getX509Ca();
    const { certificate: issuer, key } = ca;
    const issuedAt = now();
    const { notBefore, notAfter } = validity(issuedAt, options.ttlMs, issuer.notAfter);
    const subjectDer = attributes.subject === svidSubject ? svidSubjectDer : encodeName(attributes.subject);
    const names = { uris: [id.toString()], dnsNames: attributes.dnsNames };
    const computed = [
      keyUsage,
      extendedKeyUsage,
      notCa,
      subjectKeyIdExtension(publicKey.subjectKeyId),
      ...this.#authorityKeyIdOf(issuer),
      subjectAltNameExtension(names, subjectDer.length === 2),
    ];
    const der = await createCertificate(
      {
        serialNumber: newSerialNumber(),
        issuerDer: issuer.subjectDer,
        subjectDer,
        notBefore,
        notAfter,
        pkixDer: publicKey.pkixDer,
        extensions: extensionsOf(computed, attributes.extraExtensions),
      },
      key,
    );
    const issued = new Issued(der, notAfter, ca);
    // Without composers nobody but this room had a hand in it, and only the issuer's end can be in the past.
    if (composers.none) checkX509SvidTimes({ notBefore, notAfter }, issuedAt);
    else checkX509Svid(issued.certificate, id, issuedAt);
    return issued;
  }

  /** The same for all that one authority issues. */
  #authorityKeyIdOf(issuer: Certificate): readonly X509Extension[] {
    if (this.#lastAuthorityKeyId?.issuer !== issuer) {
      const { subjectKeyId } = issuer;
      const extensions =
        subjectKeyId === undefined ? [] : [encodedOnce(authorityKeyIdExtension(subjectKeyId))];
      this.#lastAuthorityKeyId = { issuer, extensions };
    }
    return this.#lastAuthorityKeyId.extensions;
  }
}

function refused(message: string): StatusError {
  return new StatusError(Code.Internal, "X509_SVID_ID", message);
}

function plainAttributes(subject: DistinguishedName, dnsNames: readonly string[]): X509SvidAttributes {
  return { subject, dnsNames, extraExtensions: [] };
}
