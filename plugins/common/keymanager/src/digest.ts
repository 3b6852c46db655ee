import { HashAlgorithm } from "@finial/sdk/server";

/** A hash function as PKCS#1 and Node name it. */
export interface Digest {
  /** Node's name. */
  readonly name: string;
  /** Octets. */
  readonly size: number;
  /** What PKCS#1 v1.5 puts before the digest: the DigestInfo up to its octets. */
  readonly digestInfoPrefix: Buffer;
}

/** `2.16.840.1.101.3.4.2.n`: NIST's hash functions. @see RFC 8017, appendix B.1 */
function nist(name: string, arc: number, size: number): Digest {
  const prefix = [0x30, 17 + size, 0x30, 13, 0x06, 9, 0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x02, arc];
  return { name, size, digestInfoPrefix: Buffer.from([...prefix, 0x05, 0x00, 0x04, size]) };
}

const digests: ReadonlyMap<HashAlgorithm, Digest> = new Map([
  [HashAlgorithm.SHA224, nist("sha224", 4, 28)],
  [HashAlgorithm.SHA256, nist("sha256", 1, 32)],
  [HashAlgorithm.SHA384, nist("sha384", 2, 48)],
  [HashAlgorithm.SHA512, nist("sha512", 3, 64)],
  [HashAlgorithm.SHA3_224, nist("sha3-224", 7, 28)],
  [HashAlgorithm.SHA3_256, nist("sha3-256", 8, 32)],
  [HashAlgorithm.SHA3_384, nist("sha3-384", 9, 48)],
  [HashAlgorithm.SHA3_512, nist("sha3-512", 10, 64)],
  [HashAlgorithm.SHA512_224, nist("sha512-224", 5, 28)],
  [HashAlgorithm.SHA512_256, nist("sha512-256", 6, 32)],
]);

/** Undefined for a number that names none. */
export function findDigest(algorithm: HashAlgorithm): Digest | undefined {
  return digests.get(algorithm);
}
