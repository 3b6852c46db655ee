import { StatusError } from "@finial/sdk";
import { workloadApiTarget } from "@finial/sdk/agent";
import { invalid, named } from "../../kernel/config/invalid.ts";

export type BundleFormat = "pem" | "spiffe";

/** Where an agent that has no trust bundle yet gets its first. */
export type BootstrapSource =
  | { readonly kind: "insecure" }
  | { readonly kind: "file"; readonly path: string; readonly format: BundleFormat }
  | {
      readonly kind: "url";
      /** https, or http when it goes over the socket. */
      readonly url: URL;
      readonly unixSocketPath: string | undefined;
      readonly format: BundleFormat;
    }
  /** @param address such as `unix:///run/upstream-agent.sock` or `tcp://127.0.0.1:8000`. */
  | { readonly kind: "workloadApi"; readonly address: string };

/** Keys of the configuration; "" and undefined are the same. */
export interface BootstrapKeys {
  readonly insecureBootstrap: boolean;
  readonly path: string | undefined;
  readonly url: string | undefined;
  readonly unixSocket: string | undefined;
  readonly workloadApi: string | undefined;
  readonly format: string | undefined;
}

/** Exactly one source must be named. @throws {StatusError} InvalidArgument, in SPIRE's words. */
export function chooseBootstrapSource(keys: BootstrapKeys): BootstrapSource {
  const { insecureBootstrap, path, url, unixSocket, workloadApi } = keys;
  if (workloadApi) checkOnlyWorkloadApi(keys, workloadApi);
  if (insecureBootstrap) {
    if (url && path)
      throw invalid(
        "only one of insecure_bootstrap, trust_bundle_url, or trust_bundle_path can be specified, not the three options",
      );
    if (url) throw notBoth("insecure_bootstrap", "trust_bundle_url");
    if (path) throw notBoth("insecure_bootstrap", "trust_bundle_path");
  } else if (!path && !url && !workloadApi)
    throw invalid(
      "trust_bundle_path, trust_bundle_url, or trust_bundle_spiffe_workload_api must be configured unless insecure_bootstrap is set",
    );
  if (url && path) throw notBoth("trust_bundle_url", "trust_bundle_path");
  const format = keys.format || "pem";
  if (format !== "pem" && format !== "spiffe")
    throw invalid('invalid value for trust_bundle_format, expected "pem" or "spiffe"');
  if (unixSocket && !url)
    throw invalid("if trust_bundle_unix_socket is specified, so must be trust_bundle_url");
  if (url)
    return { kind: "url", url: parseUrl(url, unixSocket), unixSocketPath: unixSocket || undefined, format };
  if (path) return { kind: "file", path, format };
  return workloadApi ? { kind: "workloadApi", address: workloadApi } : { kind: "insecure" };
}

function checkOnlyWorkloadApi(keys: BootstrapKeys, address: string): void {
  const key = "trust_bundle_spiffe_workload_api";
  if (keys.insecureBootstrap) throw notBoth("insecure_bootstrap", key);
  if (keys.url) throw notBoth("trust_bundle_url", key);
  if (keys.path) throw notBoth("trust_bundle_path", key);
  if (keys.unixSocket) throw invalid(`trust_bundle_unix_socket can not be used with ${key}`);
  try {
    workloadApiTarget(address);
  } catch (error) {
    throw StatusError.from(error).prefixed(`${key} is not a valid SPIFFE Workload API endpoint address: `);
  }
}

function parseUrl(text: string, unixSocket: string | undefined): URL {
  const url = named("trust_bundle_url", text, (value) => new URL(value));
  if (!unixSocket) {
    if (url.protocol !== "https:") throw invalid("trust bundle URL must start with https://");
    return url;
  }
  if (url.protocol !== "http:")
    throw invalid("trust bundle URL must start with http:// when used with trust bundle unix socket");
  for (const prefix of ["spiffe-", "spire-"])
    if ([...url.searchParams.keys()].some((key) => key.startsWith(prefix)))
      throw invalid(`trust_bundle_url query params can not start with ${prefix}`);
  return url;
}

function notBoth(one: string, other: string): ReturnType<typeof invalid> {
  return invalid(`only one of ${one} or ${other} can be specified, not both`);
}
