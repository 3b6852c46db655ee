import { writeSync } from "node:fs";
import { flushCompileCache } from "node:module";
import { tmpdir } from "node:os";
import { Certificate } from "../crypto/certificate.ts";
import { parsePem } from "../crypto/pem.ts";
import { formatHandshake } from "../goplugin/handshake.ts";
import { LinkIdentity } from "../goplugin/link-identity.ts";
import { StatusError } from "../status/status-error.ts";
import type { Plugin } from "./define-plugin.ts";
import { hclogLogger } from "./hclog.ts";
import type { Logger } from "./logger.ts";
import { PluginServer } from "./plugin-server.ts";
import { makePluginSocket } from "./socket.ts";
import { systemClock } from "./system-clock.ts";

/** How long after its Shutdown answer a plugin ends: time for the answer to leave. A host waits 2 s. */
const shutdownGraceMs = 50;
/** How long a host that closed its broker stream has to ask for the end properly. */
const hostGoneGraceMs = 1000;
/** When the start is over, and what it has compiled can be written down. */
const compiledAfterMs = 500;

const notAPlugin = `This binary is a plugin. These are not meant to be executed directly.
Please execute the program that consumes these plugins, which will
load any plugins automatically
`;

/**
 * Runs a plugin as this process: what `src/main.ts` calls, and all it calls.
 *
 * Listens on a private socket, says so in one line on standard output, and lives until the host ends it or is gone.
 */
export async function serve(plugin: Plugin): Promise<void> {
  // The host reads standard output for one line only; whatever prints later must not be on it.
  console.log = console.error;
  console.info = console.error;
  console.debug = console.error;
  const logger = hclogLogger(writeStderr, () => new Date());
  checkEnvironment(plugin);
  process.on("uncaughtException", (error) => crash(logger, error));
  process.on("unhandledRejection", (error) => crash(logger, error));
  process.umask(0o077);
  process.on("SIGINT", () => logger.trace("ignoring interrupt: the host decides"));
  // Meant for the host, and sent to all its processes by some: Node would open a debugger's port, or end.
  for (const name of ["SIGUSR1", "SIGUSR2"]) process.on(name, () => logger.trace(`ignoring ${name}`));

  const socket = makePluginSocket(process.env.PLUGIN_UNIX_SOCKET_DIR ?? tmpdir());
  process.on("exit", () => socket[Symbol.dispose]());
  process.on("SIGTERM", () => process.exit(0));
  const exitSoon = (ms: number) => (): void => {
    setTimeout(() => process.exit(0), ms);
  };
  const hostCertificateDer = hostCertificate(plugin);
  const identity = hostCertificateDer && (await LinkIdentity.make(new Date()));
  await PluginServer.start(plugin, {
    socketPath: socket.path,
    ...(identity && { seal: { identity, hostCertificateDer } }),
    logger,
    clock: systemClock,
    onShutdown: exitSoon(shutdownGraceMs),
    onHostGone: exitSoon(hostGoneGraceMs),
  });
  const group = process.env.PLUGIN_UNIX_SOCKET_GROUP;
  if (group !== undefined) socket.allowGroup(group);
  // Finial's host holds the other end of standard input and never writes: its end is the host's end.
  if (process.env.FINIAL_PLUGIN_LIFELINE === "stdin")
    process.stdin.once("end", () => process.exit(0)).resume();
  const line = formatHandshake(socket.path, {
    certificateDer: identity?.certificateDer,
    multiplexing: process.env.PLUGIN_MULTIPLEX_GRPC ? false : undefined,
  });
  writeSync(1, `${line}\n`);
  // Node would do so when it ends, and a process that is killed has no time for that. Nothing, where no cache is set.
  setTimeout(flushCompileCache, compiledAfterMs).unref();
}

/** Refuses to run outside a host. */
function checkEnvironment(plugin: Plugin): void {
  const { name } = plugin.type;
  if (process.env[name] !== name) {
    writeStderr(notAPlugin);
    process.exit(1);
  }
}

/** Of a host that asks for a sealed link. */
function hostCertificate(plugin: Plugin): Buffer | undefined {
  const pem = process.env.PLUGIN_CLIENT_CERT;
  if (!pem) return undefined;
  try {
    const [block] = parsePem(pem);
    if (block?.label !== "CERTIFICATE") throw new TypeError("no certificate in it");
    return Certificate.parse(block.der).der;
  } catch (error) {
    const { message } = StatusError.from(error);
    writeStderr(`${plugin.name}: PLUGIN_CLIENT_CERT is not the certificate of a host: ${message}\n`);
    return process.exit(1);
  }
}

function crash(logger: Logger, error: unknown): void {
  logger.error("plugin crashed", {
    error: error instanceof Error ? (error.stack ?? error.message) : String(error),
  });
  process.exit(2);
}

/** Nobody reads any more when the pipe is broken: the host is dead, and so are we. */
function writeStderr(text: string): void {
  try {
    writeSync(2, text);
  } catch (error) {
    const code = error instanceof Error && "code" in error ? error.code : undefined;
    if (code === "EPIPE") process.exit(0);
    // A full pipe of a slow reader loses lines rather than the plugin.
    if (code !== "EAGAIN") throw error;
  }
}
