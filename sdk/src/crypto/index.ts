export { Certificate } from "./certificate.ts";
export { parseCertificatesDer } from "./certificate-list.ts";
export { CertificateRequest, createCertificateRequest } from "./certificate-request.ts";
export { type CertificateFields, type CertificateSigner, createCertificate } from "./certificate-writer.ts";
export { type ChainOptions, verifyChain, verifyChains } from "./chain.ts";
export {
  type AttributeTypeAndValue,
  type DistinguishedName,
  encodeName,
  formatName,
  parseName,
} from "./distinguished-name.ts";
export { ecdsaDerToRaw, ecdsaRawToDer } from "./ecdsa.ts";
export { generatePrivateKey, type KeyPairType, parsePrivateKeyDer, parsePrivateKeyPem } from "./key-pair.ts";
export { type PemBlock, parseCertificatesPem, parsePem, toPem } from "./pem.ts";
export { PublicKey, type PublicKeyType } from "./public-key.ts";
export { type SignatureAlgorithm, signatureAlgorithmFor } from "./signature-algorithm.ts";
export {
  authorityKeyIdExtension,
  basicConstraintsExtension,
  ExtendedKeyUsageOid,
  ExtensionOid,
  encodedOnce,
  encodeExtension,
  extendedKeyUsageExtension,
  type KeyUsage,
  keyUsageExtension,
  policiesExtension,
  type SubjectAltName,
  subjectAltNameExtension,
  subjectKeyIdExtension,
  type X509Extension,
} from "./x509-extension.ts";
