const hourMs = 3_600_000;
/** No SVID needs to live longer for its CA to be rotated in time. */
const capMs = 7 * 24 * hourMs;
/** The part of an authority's life, at its end, for which another is active already: one in this many. */
const activationShare = 6;

/** A sentence for each TTL that the CA cannot always grant, in SPIRE's words. */
export function ttlWarnings(
  caTtlMs: number,
  ttls: readonly (readonly [key: string, ttlMs: number])[],
): readonly string[] {
  const mostMs = Math.min(caTtlMs / activationShare, capMs);
  return ttls
    .filter(([, ttlMs]) => ttlMs > mostMs)
    .map(([key, ttlMs]) => warning(key, ttlMs, caTtlMs, mostMs));
}

function warning(key: string, ttlMs: number, caTtlMs: number, mostMs: number): string {
  const effect = "SVIDs with shorter lifetimes may be issued. Please";
  const purpose = `to guarantee the full ${key} lifetime when CA rotations are scheduled.`;
  if (ttlMs < capMs)
    return `${key} is too high for the configured ca_ttl value. ${effect} set ${key} to ${formatMs(mostMs)} or less, or the ca_ttl to ${formatMs(ttlMs * activationShare)} or more, ${purpose}`;
  if (caTtlMs < capMs * activationShare)
    return `${key} is too high and the ca_ttl is too low. ${effect} set ${key} to ${formatMs(capMs)} or less, and the ca_ttl to ${formatMs(capMs * activationShare)} or more, ${purpose}`;
  return `${key} is too high. ${effect} set ${key} to ${formatMs(mostMs)} or less ${purpose}`;
}

function formatMs(ms: number): string {
  const seconds = Math.floor(ms / 1000);
  const parts = [
    [Math.floor(seconds / 3600), "h"],
    [Math.floor((seconds % 3600) / 60), "m"],
    [seconds % 60, "s"],
  ] as const;
  return parts.flatMap(([count, unit]) => (count > 0 ? [`${count}${unit}`] : [])).join("") || "0s";
}
