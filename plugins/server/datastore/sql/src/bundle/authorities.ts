import { Code, StatusError } from "@finial/sdk";
import { Certificate } from "@finial/sdk/crypto";
import type { spireCommon } from "@finial/sdk/server";
import { corrupt, failedPrecondition, invalidArgument } from "../errors.ts";
import { type StoredBundle, splitCertificates } from "./bundle-blob.ts";

/** The bundle with the other's authorities that it lacks; undefined when it has them all. The rest of it stays. */
export function withAuthoritiesOf(bundle: StoredBundle, other: StoredBundle): StoredBundle | undefined {
  const held = new Set(bundle.rootCas.flatMap(({ derBytes }) => splitCertificates(derBytes).map(hex)));
  const keyIds = new Set(bundle.jwtSigningKeys.map(({ kid }) => kid));
  const rootCas = other.rootCas.filter(({ derBytes }) => !held.has(hex(derBytes)));
  const jwtSigningKeys = other.jwtSigningKeys.filter(({ kid }) => !keyIds.has(kid));
  if (rootCas.length === 0 && jwtSigningKeys.length === 0) return undefined;
  return nextOf(bundle, {
    rootCas: [...bundle.rootCas, ...rootCas],
    jwtSigningKeys: [...bundle.jwtSigningKeys, ...jwtSigningKeys],
  });
}

/**
 * The bundle without what expired by then; undefined when nothing did.
 *
 * @throws {StatusError} FailedPrecondition when none of a kind would be left.
 */
export function withoutExpired(bundle: StoredBundle, instant: Date): StoredBundle | undefined {
  const seconds = instant.getTime() / 1000;
  const rootCas = bundle.rootCas.filter((ca) =>
    certificatesOf(ca).every(({ notAfter }) => notAfter > instant),
  );
  const isLive = ({ notAfter }: spireCommon.PublicKey): boolean => notAfter === 0 || notAfter > seconds;
  const jwtSigningKeys = bundle.jwtSigningKeys.filter(isLive);
  const witSigningKeys = bundle.witSigningKeys.filter(isLive);
  if (
    rootCas.length === bundle.rootCas.length &&
    jwtSigningKeys.length === bundle.jwtSigningKeys.length &&
    witSigningKeys.length === bundle.witSigningKeys.length
  )
    return undefined;
  const emptied = (before: readonly unknown[], after: readonly unknown[]): boolean =>
    before.length > 0 && after.length === 0;
  const refused = (words: string): StatusError =>
    failedPrecondition("PRUNE_ALL", `prune failed: would prune all ${words}`);
  if (emptied(bundle.rootCas, rootCas)) throw refused("certificates");
  if (emptied(bundle.jwtSigningKeys, jwtSigningKeys)) throw refused("JWT signing keys");
  if (emptied(bundle.witSigningKeys, witSigningKeys)) throw refused("WIT signing keys");
  return nextOf(bundle, { rootCas, jwtSigningKeys, witSigningKeys });
}

/** @throws {StatusError} NotFound, or InvalidArgument when it is tainted already. */
export function withTaintedX509(bundle: StoredBundle, subjectKeyId: string): StoredBundle {
  const chosen = bundle.rootCas.filter((ca) => hasSubjectKeyId(ca, subjectKeyId));
  if (chosen.length === 0) throw notFound("no ca found with provided subject key ID");
  if (chosen.some(({ taintedKey }) => taintedKey))
    throw invalidArgument("ALREADY_TAINTED", "root CA is already tainted");
  return nextOf(bundle, {
    rootCas: bundle.rootCas.map((ca) => (chosen.includes(ca) ? { ...ca, taintedKey: true } : ca)),
  });
}

/** @throws {StatusError} NotFound, or InvalidArgument when it is not tainted. */
export function withoutX509(bundle: StoredBundle, subjectKeyId: string): StoredBundle {
  const chosen = bundle.rootCas.filter((ca) => hasSubjectKeyId(ca, subjectKeyId));
  if (chosen.length === 0) throw notFound("no root CA found with provided subject key ID");
  if (!chosen.every(({ taintedKey }) => taintedKey))
    throw invalidArgument("NOT_TAINTED", "it is not possible to revoke an untainted root CA");
  return nextOf(bundle, { rootCas: bundle.rootCas.filter((ca) => !chosen.includes(ca)) });
}

/** A bundle after a change to one of its JWT authorities, and that authority. */
export interface ChangedJwtKey {
  readonly bundle: StoredBundle;
  readonly key: spireCommon.PublicKey;
}

/** @throws {StatusError} NotFound, or InvalidArgument when it is tainted already. */
export function withTaintedJwtKey(bundle: StoredBundle, keyId: string): ChangedJwtKey {
  const key = getJwtKey(bundle, keyId);
  if (key.taintedKey) throw invalidArgument("ALREADY_TAINTED", "key is already tainted");
  const tainted = { ...key, taintedKey: true };
  const jwtSigningKeys = bundle.jwtSigningKeys.map((each) => (each === key ? tainted : each));
  return { bundle: nextOf(bundle, { jwtSigningKeys }), key: tainted };
}

/** @throws {StatusError} NotFound, or InvalidArgument when it is not tainted. */
export function withoutJwtKey(bundle: StoredBundle, keyId: string): ChangedJwtKey {
  const key = getJwtKey(bundle, keyId);
  if (!key.taintedKey) throw invalidArgument("NOT_TAINTED", "it is not possible to revoke an untainted key");
  const jwtSigningKeys = bundle.jwtSigningKeys.filter((each) => each !== key);
  return { bundle: nextOf(bundle, { jwtSigningKeys }), key };
}

function getJwtKey(bundle: StoredBundle, keyId: string): spireCommon.PublicKey {
  const [key, another] = bundle.jwtSigningKeys.filter(({ kid }) => kid === keyId);
  if (key === undefined) throw notFound("no JWT Key found with provided key ID");
  if (another !== undefined) throw corrupt("another JWT Key found with the same KeyID");
  return key;
}

function hasSubjectKeyId(ca: spireCommon.Certificate, subjectKeyId: string): boolean {
  const [certificate] = certificatesOf(ca);
  return certificate?.subjectKeyId?.toString("hex") === subjectKeyId;
}

function certificatesOf({ derBytes }: spireCommon.Certificate): Certificate[] {
  try {
    return splitCertificates(derBytes).map((der) => Certificate.parse(der));
  } catch (error) {
    throw corrupt(`failed to parse root CA: ${StatusError.from(error).message}`, error);
  }
}

function nextOf(bundle: StoredBundle, changes: Partial<StoredBundle>): StoredBundle {
  return { ...bundle, ...changes, sequenceNumber: bundle.sequenceNumber + 1 };
}

function notFound(message: string): StatusError {
  return new StatusError(Code.NotFound, "AUTHORITY_NOT_FOUND", message);
}

function hex(der: Buffer): string {
  return der.toString("hex");
}
