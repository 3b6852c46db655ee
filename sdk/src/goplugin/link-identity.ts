import { type KeyObject, randomBytes, sign } from "node:crypto";
import { type ChannelCredentials, credentials, ServerCredentials } from "@grpc/grpc-js";
import { createCertificate } from "../crypto/certificate-writer.ts";
import { encodeName } from "../crypto/distinguished-name.ts";
import { generatePrivateKey } from "../crypto/key-pair.ts";
import { toPem } from "../crypto/pem.ts";
import { PublicKey } from "../crypto/public-key.ts";
import {
  basicConstraintsExtension,
  ExtendedKeyUsageOid,
  extendedKeyUsageExtension,
  keyUsageExtension,
  subjectAltNameExtension,
} from "../crypto/x509-extension.ts";

/** What both ends of go-plugin call each other, whatever the socket. */
const host = "localhost";
const backdateMs = 30_000;
/** go-plugin's: a link's certificate ends with its process. */
const lifetimeMs = 262_980 * 3_600_000;

/**
 * One end of a sealed link: a key, and the certificate of its own that the other end has been told of. Each end takes part in
 * mutual TLS with exactly the other's certificate as its root, so that nobody else can take its place.
 *
 * @see go-plugin, AutoMTLS
 */
export class LinkIdentity {
  readonly certificateDer: Buffer;
  readonly #key: KeyObject;

  private constructor(certificateDer: Buffer, key: KeyObject) {
    this.certificateDer = certificateDer;
    this.#key = key;
  }

  /** Makes a key and a certificate that nobody has seen before. @param now a little before which the certificate begins. */
  static async make(now: Date): Promise<LinkIdentity> {
    const key = await generatePrivateKey("ec-p256");
    const publicKey = PublicKey.of(key);
    const name = encodeName({ commonName: host, organization: ["Finial"] });
    const certificateDer = await createCertificate(
      {
        serialNumber: Buffer.concat([Buffer.of(1), randomBytes(15)]),
        issuerDer: name,
        subjectDer: name,
        notBefore: new Date(now.getTime() - backdateMs),
        notAfter: new Date(now.getTime() + lifetimeMs),
        pkixDer: publicKey.pkixDer,
        extensions: [
          keyUsageExtension(["digitalSignature", "keyEncipherment", "keyAgreement", "keyCertSign"]),
          extendedKeyUsageExtension([ExtendedKeyUsageOid.clientAuth, ExtendedKeyUsageOid.serverAuth]),
          basicConstraintsExtension(true),
          subjectAltNameExtension({ uris: [], dnsNames: [host] }, false),
        ],
      },
      { publicKey, sign: (message, hash) => Promise.resolve(sign(hash, message, key)) },
    );
    return new LinkIdentity(certificateDer, key);
  }

  get certificatePem(): string {
    return toPem("CERTIFICATE", this.certificateDer);
  }

  /** To connect to the end that has this certificate, and to no other. */
  clientCredentials(peerCertificateDer: Buffer): ChannelCredentials {
    return credentials.createSsl(rootOf(peerCertificateDer), this.keyPem, Buffer.from(this.certificatePem));
  }

  /** To be connected to by the end that has this certificate, and by no other. */
  serverCredentials(peerCertificateDer: Buffer): ServerCredentials {
    const pair = { private_key: this.keyPem, cert_chain: Buffer.from(this.certificatePem) };
    return ServerCredentials.createSsl(rootOf(peerCertificateDer), [pair], true);
  }

  /** PKCS#8. */
  get keyPem(): Buffer {
    return Buffer.from(this.#key.export({ format: "pem", type: "pkcs8" }));
  }
}

function rootOf(certificateDer: Buffer): Buffer {
  return Buffer.from(toPem("CERTIFICATE", certificateDer));
}
