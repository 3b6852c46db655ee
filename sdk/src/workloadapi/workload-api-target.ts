import { isIP } from "node:net";
import { Code } from "../status/code.ts";
import { StatusError } from "../status/status-error.ts";

/**
 * Where gRPC finds a Workload API.
 *
 * @param address `unix:///path`, or `tcp://` with an IP address and a port.
 * @throws {StatusError} InvalidArgument `WORKLOAD_API_ADDRESS`.
 * @see SPIFFE Workload Endpoint, section 4
 */
export function workloadApiTarget(address: string): string {
  if (!/^(unix|tcp):/i.test(address))
    throw refused('workload endpoint socket URI must have a "tcp" or "unix" scheme');
  if (!URL.canParse(address)) throw refused("workload endpoint socket is not a valid URI");
  const url = new URL(address);
  return url.protocol === "unix:" ? unixTarget(url) : tcpTarget(url);
}

function unixTarget(url: URL): string {
  const say = (problem: string): StatusError => refused(`workload endpoint unix socket URI must ${problem}`);
  if (url.host !== "") throw say("not include a host");
  if (url.pathname === "") throw say("include a path");
  if (!url.pathname.startsWith("/")) throw say("not be opaque");
  if (url.search !== "") throw say("not include query values");
  if (url.hash !== "") throw say("not include a fragment");
  try {
    return `unix:${decodeURIComponent(url.pathname)}`;
  } catch {
    throw refused("workload endpoint socket is not a valid URI");
  }
}

function tcpTarget(url: URL): string {
  const say = (problem: string): StatusError => refused(`workload endpoint tcp socket URI ${problem}`);
  if (url.username !== "" || url.password !== "") throw say("must not include user info");
  if (url.host === "") throw say("must include a host");
  if (url.pathname !== "") throw say("must not include a path");
  if (url.search !== "") throw say("must not include query values");
  if (url.hash !== "") throw say("must not include a fragment");
  // A name could be made to point elsewhere.
  if (isIP(url.hostname.replace(/^\[(.*)\]$/, "$1")) === 0) throw say("host component must be an IP:port");
  if (url.port === "") throw say("host component must include a port");
  return `dns:///${url.host}`;
}

function refused(message: string): StatusError {
  return new StatusError(Code.InvalidArgument, "WORKLOAD_API_ADDRESS", message);
}
