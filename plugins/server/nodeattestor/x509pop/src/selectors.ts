import { fingerprintOf, serialNumberHex } from "@finial/plugin-common-x509pop";
import type { Certificate } from "@finial/sdk/crypto";

/** Selector values of an agent, as SPIRE gives them. @param paths leaf first, anchor last; each that there is. */
export function selectorValuesOf(
  leaf: Certificate,
  paths: readonly (readonly Certificate[])[],
  sanSelectors: ReadonlyMap<string, string>,
): readonly string[] {
  const { commonName } = leaf.subject;
  // Two paths may share an authority.
  const fingerprints = new Set(paths.flatMap((path) => path.slice(1).map(fingerprintOf)));
  return [
    ...(commonName ? [`subject:cn:${commonName}`] : []),
    ...[...fingerprints].map((fingerprint) => `ca:fingerprint:${fingerprint}`),
    `serialnumber:${serialNumberHex(leaf)}`,
    ...[...sanSelectors].map(([key, value]) => `san:${key}:${value}`),
  ];
}
