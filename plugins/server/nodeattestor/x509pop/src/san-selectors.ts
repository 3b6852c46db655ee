import type { Logger } from "@finial/sdk";
import type { Certificate } from "@finial/sdk/crypto";
import type { TrustDomain } from "@finial/sdk/spiffe";

/**
 * Selectors that a certificate brings along as `x509pop://<trust domain>/<key>/<value>`; of a key that comes twice the
 * last counts. Those of other trust domains are none of ours, malformed ones are logged.
 */
export function sanSelectorsOf(
  { subjectAltName }: Certificate,
  trustDomain: TrustDomain,
  logger: Logger,
): ReadonlyMap<string, string> {
  const prefix = `x509pop://${trustDomain.name}/`;
  const selectors = new Map<string, string>();
  for (const uri of subjectAltName.uris.map(withLowerCaseScheme)) {
    if (!uri.startsWith(prefix)) continue;
    const [, key, value] = /^([^/]+)\/([\s\S]+)$/.exec(pathOf(uri, prefix.length) ?? "") ?? [];
    if (key !== undefined && value !== undefined) selectors.set(key, value);
    else logger.warn(`cannot extract x509pop san selectors from ${uri}`);
  }
  return selectors;
}

function withLowerCaseScheme(uri: string): string {
  return uri.replace(/^[^:]*:/, (scheme) => scheme.toLowerCase());
}

/** The path without slashes around it, decoded; undefined when it cannot be. */
function pathOf(uri: string, start: number): string | undefined {
  const [path = ""] = uri.slice(start).split(/[?#]/);
  try {
    return decodeURIComponent(path).replaceAll(/^\/+|\/+$/g, "");
  } catch {
    return undefined;
  }
}
