import { Code, StatusError } from "@finial/sdk";
import { decodeConfig, string } from "@finial/sdk/hcl";

/** Where the certificate and its key come from. */
export type Config =
  | {
      readonly source: "files";
      readonly privateKeyPath: string;
      readonly certificatePath: string;
      /** Undefined: what is to follow the certificate stands in its own file. */
      readonly intermediatesPath: string | undefined;
    }
  /** The Workload API of another agent, such as `unix:///run/agent.sock`. */
  | { readonly source: "workload_api"; readonly address: string };

/** @throws {StatusError} InvalidArgument; one problem a line. */
export function parseConfig(text: string): Config {
  const path = string({ default: "" });
  const given = decodeConfig(
    text,
    {
      private_key_path: path,
      certificate_path: path,
      intermediates_path: path,
      spiffe_endpoint_socket: path,
    },
    { filename: "plugin_data" },
  );
  if (given.spiffe_endpoint_socket !== "")
    return { source: "workload_api", address: given.spiffe_endpoint_socket };
  const missing = (["private_key_path", "certificate_path"] as const).filter((key) => given[key] === "");
  if (missing.length > 0)
    throw new StatusError(
      Code.InvalidArgument,
      "FILES_REQUIRED",
      missing.map((key) => `${key} is required`).join("\n"),
    );
  return {
    source: "files",
    privateKeyPath: given.private_key_path,
    certificatePath: given.certificate_path,
    intermediatesPath: given.intermediates_path.trim() === "" ? undefined : given.intermediates_path,
  };
}
