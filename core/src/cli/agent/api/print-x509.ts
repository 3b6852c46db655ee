import type { Certificate } from "@finial/sdk/crypto";
import { formatDuration } from "../../go-duration.ts";
import { formatUtc } from "../../go-time.ts";
import type { FetchedX509Svid } from "./x509-response.ts";

/** What came back and how long it took, for people. */
export function formatX509Svids(svids: readonly FetchedX509Svid[], tookMs: number): string {
  const count = `${svids.length} svid${svids.length === 1 ? "" : "s"}`;
  return `Received ${count} after ${formatDuration(tookMs)}\n${svids.map(formatSvid).join("")}\n`;
}

function formatSvid({ spiffeId, hint, certificates, bundle, federatedBundles }: FetchedX509Svid): string {
  const [leaf, ...intermediates] = certificates;
  return [
    `\nSPIFFE ID:\t\t${spiffeId}\n`,
    hint === "" ? "" : `Hint:\t\t\t${hint}\n`,
    formatValidity("SVID", leaf),
    ...intermediates.map((certificate, index) => formatValidity(`Intermediate #${index + 1}`, certificate)),
    ...bundle.map((certificate, index) => formatValidity(`CA #${index + 1}`, certificate)),
    ...[...federatedBundles].flatMap(([trustDomain, certificates]) =>
      certificates.map((certificate, index) =>
        formatValidity(`[${trustDomain}] CA #${index + 1}`, certificate),
      ),
    ),
  ].join("");
}

function formatValidity(what: string, { notBefore, notAfter }: Certificate): string {
  return `${what} Valid After:\t${formatUtc(notBefore)}\n${what} Valid Until:\t${formatUtc(notAfter)}\n`;
}
