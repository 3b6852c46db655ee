import { createPublicKey, hash, type KeyObject, type PublicKeyInput } from "node:crypto";
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

/** SubjectPublicKeyInfo of every P-256 key, up to its uncompressed point. @see RFC 5480, sections 2.1.1 and 2.2 */
const p256Prefix = Buffer.from("3059301306072a8648ce3d020106082a8648ce3d03010703420004", "hex");
const p256PkixLength = p256Prefix.length + 64;

/** A public key, as SubjectPublicKeyInfo and as Node knows it. */
export class PublicKey {
  readonly pkixDer: Buffer;
  #keyObject: KeyObject | undefined;
  #type: PublicKeyType | undefined;
  #subjectKeyId: Buffer | undefined;

  private constructor(pkixDer: Buffer, known: { keyObject: KeyObject } | { type: PublicKeyType }) {
    this.pkixDer = pkixDer;
    if ("type" in known) this.#type = known.type;
    else this.#keyObject = known.keyObject;
  }

  /**
   * @param pkixDer SubjectPublicKeyInfo.
   * @throws {StatusError} InvalidArgument `PUBLIC_KEY_MALFORMED`.
   */
  static parse(pkixDer: Buffer): PublicKey {
    return new PublicKey(pkixDer, { keyObject: load(pkixDer) });
  }

  /**
   * As `parse`, but the point of a P-256 key, which nearly all are, is looked at when the key is first used. For a key that is
   * about to be used: whoever verifies a signature with it loads it anyway, and cheaper.
   *
   * @throws {StatusError} InvalidArgument `PUBLIC_KEY_MALFORMED`; so does `keyObject` of a key whose point is none.
   */
  static parseForUse(pkixDer: Buffer): PublicKey {
    return isP256(pkixDer) ? new PublicKey(pkixDer, { type: "ec-p256" }) : PublicKey.parse(pkixDer);
  }

  /** Of a public or private key. */
  static of(key: KeyObject): PublicKey {
    const keyObject = key.type === "private" ? createPublicKey(key) : key;
    return new PublicKey(keyObject.export({ format: "der", type: "spki" }), { keyObject });
  }

  /** @throws {StatusError} only for a key from `parseForUse`. */
  get keyObject(): KeyObject {
    return this.load();
  }

  /** Has its point looked at, if that was not done yet. @throws {StatusError} only for a key from `parseForUse`. */
  load(): KeyObject {
    this.#keyObject ??= load(this.pkixDer);
    return this.#keyObject;
  }

  /** For one use of `node:crypto`: a key object, which is dear to make, only if there is one already. */
  get input(): KeyObject | PublicKeyInput {
    return this.#keyObject ?? { key: this.pkixDer, format: "der", type: "spki" };
  }

  get type(): PublicKeyType {
    this.#type ??= typeOf(this.keyObject);
    return this.#type;
  }

  /** SHA-1 of the key's bits. @see RFC 5280, section 4.2.1.2, method 1 */
  get subjectKeyId(): Buffer {
    this.#subjectKeyId ??= hash("sha1", bitsOf(this.pkixDer), "buffer");
    return this.#subjectKeyId;
  }

  equals(other: PublicKey): boolean {
    return this.pkixDer.equals(other.pkixDer);
  }
}

/** The key itself, without what says which kind it is. */
function bitsOf(pkixDer: Buffer): Buffer {
  if (isP256(pkixDer)) return pkixDer.subarray(p256Prefix.length - 1);
  const info = readWhole(pkixDer, Tag.Sequence);
  info.read(Tag.Sequence);
  return readBitString(info.readContent(Tag.BitString));
}

function isP256(pkixDer: Buffer): boolean {
  return pkixDer.length === p256PkixLength && p256Prefix.equals(pkixDer.subarray(0, p256Prefix.length));
}

function load(pkixDer: Buffer): KeyObject {
  try {
    // OpenSSL would pass over what follows the key.
    readWhole(pkixDer, Tag.Sequence);
    return createPublicKey({ key: pkixDer, format: "der", type: "spki" });
  } catch (error) {
    throw new StatusError(Code.InvalidArgument, "PUBLIC_KEY_MALFORMED", "malformed public key", {
      cause: error,
    });
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
