import { createECDH, type KeyObject } from "node:crypto";
import { ecdsaRawToDer } from "@finial/sdk/crypto";

const curve = "prime256v1";
/** The order of P-256. */
const order = 0xffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551n;

/** Signs a digest, as key managers do and Node does not: its own `sign` would hash it again. For tests. */
export function signDigest(digest: Buffer, privateKey: KeyObject): Buffer {
  const scalar = toInteger(Buffer.from(String(privateKey.export({ format: "jwk" }).d), "base64url"));
  const nonce = createECDH(curve);
  const point = nonce.generateKeys();
  const k = toInteger(nonce.getPrivateKey());
  const r = toInteger(point.subarray(1, 33)) % order;
  const s = (inverse(k) * (toInteger(digest) + r * scalar)) % order;
  return ecdsaRawToDer(Buffer.concat([toBytes(r), toBytes(s)]));
}

function toInteger(bytes: Buffer): bigint {
  return BigInt(`0x${bytes.toString("hex")}`);
}

function toBytes(integer: bigint): Buffer {
  return Buffer.from(integer.toString(16).padStart(64, "0"), "hex");
}

/** By Fermat: the order is prime. */
function inverse(value: bigint): bigint {
  let [result, base, exponent] = [1n, value % order, order - 2n];
  for (; exponent > 0n; exponent >>= 1n) {
    if (exponent & 1n) result = (result * base) % order;
    base = (base * base) % order;
  }
  return result;
}
