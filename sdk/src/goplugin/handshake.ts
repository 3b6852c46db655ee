import { Code } from "../status/code.ts";
import { StatusError } from "../status/status-error.ts";

/** What a plugin says on the first line of its standard output. */
export interface Handshake {
  readonly network: "unix" | "tcp";
  /** A socket path, or host:port. */
  readonly address: string;
  /** DER, only where the plugin insists on TLS. */
  readonly certificateDer: Buffer | undefined;
}

const coreVersion = "1";
const appVersion = 1;

/**
 * The line a plugin prints, without its line end.
 *
 * @param options.certificateDer only for a host that sent its own: another one would crash on it.
 * @param options.multiplexing the answer to PLUGIN_MULTIPLEX_GRPC; absent when the host did not ask, because old hosts misread
 *   a seventh field.
 */
export function formatHandshake(
  socketPath: string,
  {
    certificateDer,
    multiplexing,
  }: { readonly certificateDer?: Buffer | undefined; readonly multiplexing?: false | undefined } = {},
): string {
  // go-plugin reads base64 without padding only.
  const certificate = certificateDer?.toString("base64").replace(/=+$/, "") ?? "";
  const fields = [coreVersion, appVersion, "unix", socketPath, "grpc", certificate, multiplexing];
  while (fields.at(-1) === undefined || fields.at(-1) === "") fields.pop();
  return fields.join("|");
}

/**
 * Reads the line of any go-plugin plugin.
 *
 * @throws {StatusError} FailedPrecondition with a `HANDSHAKE_…` reason and go-plugin's sentence.
 */
export function parseHandshake(line: string): Handshake {
  const [core = "", app = "", network = "", address = "", protocol = "netrpc", certificate = ""] = line
    .trim()
    .split("|");
  if (line.trim().split("|").length < 4)
    throw refused("FORMAT", `Unrecognized remote plugin message: ${line.trim()}`);
  if (!/^[+-]?\d+$/.test(core))
    throw refused("CORE_VERSION", `error parsing core protocol version: "${core}" is not a number`);
  if (Number(core) !== Number(coreVersion))
    throw refused(
      "CORE_VERSION",
      `incompatible core API version with plugin. Plugin version: ${core}, Core version: ${coreVersion}`,
    );
  if (!/^[+-]?\d+$/.test(app))
    throw refused("APP_VERSION", `Error parsing protocol version "${app}": not a number`);
  if (Number(app) !== appVersion)
    throw refused(
      "APP_VERSION",
      `incompatible API version with plugin. Plugin version: ${Number(app)}, Client versions: [${appVersion}]`,
    );
  if (network !== "unix" && network !== "tcp") throw refused("NETWORK", `unknown address type: ${address}`);
  if (address === "") throw refused("ADDRESS", `the plugin names no address: ${line.trim()}`);
  if (protocol !== "grpc")
    throw refused("PROTOCOL", `unsupported plugin protocol "${protocol}". Supported: [grpc]`);
  // Older implementations put junk here; a certificate is longer.
  const certificateDer = certificate.length > 50 ? Buffer.from(certificate, "base64") : undefined;
  return { network, address, certificateDer };
}

function refused(reason: string, message: string): StatusError {
  return new StatusError(Code.FailedPrecondition, `HANDSHAKE_${reason}`, message);
}
