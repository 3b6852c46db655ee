const hourMs = 3_600_000;
const capMs = 7 * 24 * hourMs;
/** The last part of an authority's life it does not sign for any more. */
const activationShare = 6;

/** A sentence for each TTL that the CA cannot always grant. */
export function ttlWarnings(
  caTtlMs: number,
  ttls: readonly (readonly [key: string, ttlMs: number])[],
): readonly string[] {
  const mostMs = Math.min(caTtlMs / activationShare, capMs);
  return ttls
    .filter(([, ttlMs]) => ttlMs > mostMs)
    .map(([key, ttlMs]) => {
      const remedy =
        ttlMs < capMs
          ? `set ${key} to ${formatMs(mostMs)} or less, or the ca_ttl to ${formatMs(ttlMs * activationShare)} or more`
          : `set ${key} to ${formatMs(mostMs)} or less`;
      return `${key} is too high for the configured ca_ttl value: SVIDs with shorter lifetimes may be issued while the CA is rotated; ${remedy}`;
    });
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
