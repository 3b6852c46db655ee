import { createHash, type KeyObject } from "node:crypto";
import { Code, StatusError } from "@finial/sdk";
import { type KeyPairType, PublicKey } from "@finial/sdk/crypto";

/** One key with all that is said of it. */
export interface KeyEntry {
  readonly id: string;
  readonly type: KeyPairType;
  readonly privateKey: KeyObject;
  readonly publicKey: PublicKey;
  /** Lower-case hex SHA-256 of the SubjectPublicKeyInfo, as SPIRE's key managers give it. */
  readonly fingerprint: string;
}

/** @throws {StatusError} Internal `KEY_TYPE_UNSUPPORTED` for a key that is none of the four types. */
export function makeKeyEntry(id: string, privateKey: KeyObject): KeyEntry {
  const publicKey = PublicKey.of(privateKey);
  const { type } = publicKey;
  if (type !== "ec-p256" && type !== "ec-p384" && type !== "rsa-2048" && type !== "rsa-4096")
    throw new StatusError(
      Code.Internal,
      "KEY_TYPE_UNSUPPORTED",
      `unable to make key entry for key "${id}": it is none of ec-p256, ec-p384, rsa-2048 and rsa-4096`,
    );
  const fingerprint = createHash("sha256").update(publicKey.pkixDer).digest("hex");
  return { id, type, privateKey, publicKey, fingerprint };
}
