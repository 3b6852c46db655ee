import { isIP } from "node:net";
import { invalid } from "../../kernel/config/invalid.ts";

/**
 * Checks the address of a Workload API endpoint: `unix:///path` or `tcp://IP:port`.
 *
 * @throws {StatusError} InvalidArgument naming the key.
 * @see SPIFFE Workload Endpoint, section 4
 */
export function checkWorkloadApiAddress(key: string, address: string): void {
  const problem = problemOf(address);
  if (problem !== undefined)
    throw invalid(`${key} is not a valid SPIFFE Workload API endpoint address: ${problem}`);
}

function problemOf(address: string): string | undefined {
  const url = URL.parse(address);
  const scheme = /^(unix|tcp):/i.exec(address)?.[1]?.toLowerCase();
  if (scheme === undefined) return 'workload endpoint socket URI must have a "tcp" or "unix" scheme';
  const what = `workload endpoint ${scheme} socket URI`;
  if (!/^\w+:\//.test(address)) return `${what} must not be opaque`;
  if (url === null) return "workload endpoint socket is not a valid URI";
  if (url.username || url.password) return `${what} must not include user info`;
  if (scheme === "unix" && !url.host && !url.pathname) return `${what} must include a path`;
  if (scheme === "tcp" && !url.host) return `${what} must include a host`;
  if (scheme === "tcp" && url.pathname) return `${what} must not include a path`;
  if (address.includes("?")) return `${what} must not include query values`;
  if (url.hash) return `${what} must not include a fragment`;
  if (scheme === "unix") return undefined;
  if (isIP(url.hostname.replace(/^\[(.*)\]$/, "$1")) === 0)
    return `${what} host component must be an IP:port`;
  return url.port ? undefined : `${what} host component must include a port`;
}
