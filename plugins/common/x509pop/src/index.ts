export { answerChallenge } from "./answer-challenge.ts";
export { encodeAttestationData, parseAttestationData } from "./attestation-data.ts";
export { type Challenge, encodeChallenge, makeChallenge, parseChallenge } from "./challenge.ts";
export { fingerprintOf, serialNumberHex } from "./fingerprint.ts";
export { findKeyKind, type KeyKind } from "./key-kind.ts";
export { loadCertificates, readPemFile } from "./load-certificates.ts";
export { encodeResponse, parseResponse, type Response } from "./response.ts";
export { verifyResponse } from "./verify-response.ts";
