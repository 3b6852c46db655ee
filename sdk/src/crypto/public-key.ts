import { createPublicKey, hash, type KeyObject } from "node:crypto";
import { Code } from "../status/code.ts";
import { StatusError } from "../status/status-error.ts";
import { readBitString, readWhole, Tag } from "./der.ts";

/** Key types SPIFFE identities come with, by SPIRE's configuration names; `other` can be carried, not made. */
export type PublicKeyType =
  | "ec-p256"
  | "ec-p384"
  | "ec-p521"
  | "rsa-2048"
  | "rsa-4096"
  | "rsa-other"
  | "other";

/** A public key, as SubjectPublicKeyInfo and as Node knows it. */
export class PublicKey {
  readonly pkixDer: Buffer;
  readonly keyObject: KeyObject;
  #type: PublicKeyType | undefined;
  #subjectKeyId: Buffer | undefined;

  private constructor(pkixDer: Buffer, keyObject: KeyObject) {
    this.pkixDer = pkixDer;
    this.keyObject = keyObject;
  }

  /**
   * @param pkixDer SubjectPublicKeyInfo.
   * @throws {StatusError} InvalidArgument `PUBLIC_KEY_MALFORMED`.
   */
  static parse(pkixDer: Buffer): PublicKey {
    try {
      // OpenSSL would pass over what follows the key.
      readWhole(pkixDer, Tag.Sequence);
      return new PublicKey(pkixDer, createPublicKey({ key: pkixDer, format: "der", type: "spki" }));
    } catch (error) {
      throw new StatusError(Code.InvalidArgument, "PUBLIC_KEY_MALFORMED", "malformed public key", {
        cause: error,
      });
    }
  }

  /** Of a public or private key. */
  static of(key: KeyObject): PublicKey {
    const keyObject = key.type === "private" ? createPublicKey(key) : key;
    return new PublicKey(keyObject.export({ format: "der", type: "spki" }), keyObject);
  }

  get type(): PublicKeyType {
    this.#type ??= typeOf(this.keyObject);
    return this.#type;
  }

  /** SHA-1 of the key's bits. @see RFC 5280, section 4.2.1.2, method 1 */
  get subjectKeyId(): Buffer {
    if (this.#subjectKeyId === undefined) {
      const info = readWhole(this.pkixDer, Tag.Sequence);
      info.read(Tag.Sequence);
      this.#subjectKeyId = hash("sha1", readBitString(info.readContent(Tag.BitString)), "buffer");
    }
    return this.#subjectKeyId;
  }

  equals(other: PublicKey): boolean {
    return this.pkixDer.equals(other.pkixDer);
  }
}

function typeOf(key: KeyObject): PublicKeyType {
  const details = key.asymmetricKeyDetails;
  if (key.asymmetricKeyType === "ec") {
    if (details?.namedCurve === "prime256v1") return "ec-p256";
    if (details?.namedCurve === "secp384r1") return "ec-p384";
    return details?.namedCurve === "secp521r1" ? "ec-p521" : "other";
  }
  if (key.asymmetricKeyType === "rsa") {
    if (details?.modulusLength === 2048) return "rsa-2048";
    return details?.modulusLength === 4096 ? "rsa-4096" : "rsa-other";
  }
  return "other";
}
