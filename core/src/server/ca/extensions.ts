import { ExtensionOid, type X509Extension } from "@finial/sdk/crypto";

/** Composers may add extensions and replace computed ones; who the subject is, is not theirs to say. */
export function extensionsOf(
  computed: readonly X509Extension[],
  extra: readonly X509Extension[],
): readonly X509Extension[] {
  if (extra.length === 0) return computed;
  const added = extra.filter(({ oid }) => oid !== ExtensionOid.SubjectAltName);
  const replaced = new Set(added.map(({ oid }) => oid));
  return [...computed.filter(({ oid }) => !replaced.has(oid)), ...added];
}
