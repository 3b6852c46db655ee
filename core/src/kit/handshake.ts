import { lstatSync, statSync } from "node:fs";
import { connect } from "node:net";
import { dirname, isAbsolute } from "node:path";
import { StatusError } from "@finial/sdk";
import { type Handshake, parseHandshake } from "@finial/sdk/internal";
import { describeExit } from "../kernel/pluginhost/plugin-process.ts";
import { Flaw } from "./flaw.ts";
import type { Probe } from "./probe.ts";

/** What a line looks like that was meant to be a handshake. */
const meant = /^\s*\d+\|[^|]*\|/;
/** What go-plugin and its like say to who starts a plugin by hand. */
const refusal = /not meant to be executed directly|is a plugin|magic cookie/i;
const maxPathBytes = 107;
const form = "1|1|unix|/path/of/the/socket|grpc";

/**
 * Reads a plugin's first line and reaches its socket, or says which way it failed.
 *
 * @param cookie the plugin type whose cookie it was given; undefined: all types' were.
 * @throws {Flaw}
 */
export async function requireHandshake(
  probe: Probe,
  { startMs, cookie }: { readonly startMs: number; readonly cookie: string | undefined },
): Promise<Handshake> {
  const line = await probe.untilLine(startMs);
  if (line === undefined) throw await noLine(probe, startMs, cookie);
  if (!meant.test(line)) throw await noise(probe, line);
  const handshake = readLine(line);
  await requireReachable(handshake);
  return handshake;
}

async function noLine(probe: Probe, startMs: number, cookie: string | undefined): Promise<Flaw> {
  if (probe.hasEnded) return await endedEarly(probe, cookie);
  const begun = probe.stdout.trim();
  if (meant.test(begun))
    return new Flaw({
      reason: "LINE_END_MISSING",
      what: `the plugin wrote ${quote(begun)} without a line end.`,
      why: "The host reads a whole line, and waits for its end until it gives up.",
      mend: 'End the line with "\\n", and flush it.',
    });
  if (probe.stderr.split("\n").some((line) => meant.test(line)))
    return new Flaw({
      reason: "LINE_ON_STDERR",
      what: "the plugin wrote its handshake on standard error.",
      why: "The host takes standard error for the log; it waits for the line on standard output until it gives up.",
      mend: "Write the handshake, and nothing else, to standard output.",
    });
  return new Flaw({
    reason: "NO_LINE",
    what: `within ${startMs / 1000} s the plugin wrote no line on standard output${tail(probe)}.`,
    why: "The host learns from that line where the plugin listens, and kills a plugin that does not say it.",
    mend: `Write ${form} as soon as the socket listens, and flush standard output: it is a pipe, which most languages buffer.`,
  });
}

async function endedEarly(probe: Probe, cookie: string | undefined): Promise<Flaw> {
  const exit = await probe.exited;
  const how = `the plugin ended before it said where it listens (${describeExit(exit)})${tail(probe)}.`;
  if (refusal.test(`${probe.stderr}\n${probe.stdout}`))
    return new Flaw({
      reason: "COOKIE_UNKNOWN",
      what: how,
      why: `It takes itself for started by hand: the cookie it looks for is not ${
        cookie === undefined ? "one of a SPIFFE plugin type" : `${cookie}=${cookie}`
      }.`,
      mend:
        cookie === undefined
          ? "Compare with the name of the plugin type: the cookie's key and its value are both that name, such as KeyManager=KeyManager."
          : `Make the cookie's key and its value both "${cookie}"; if the plugin is of another type, say so with -type.`,
    });
  if (
    /Cannot find (module|package)|ModuleNotFoundError|ImportError|error while loading shared libraries/.test(
      probe.stderr,
    )
  )
    return new Flaw({
      reason: "DEPENDENCY_MISSING",
      what: how,
      why: "What the program needs is not where it looks for it.",
      mend: "Ship the plugin with all it needs: one bundled file, a static program, or an environment named by its full path.",
    });
  return new Flaw({
    reason: "ENDED_EARLY",
    what: how,
    why: "A host reports this as a plugin that failed to launch, with the same last words.",
    mend: "Start it by hand with the environment that the author's guide lists, and mend what its last words say.",
  });
}

async function noise(probe: Probe, line: string): Promise<Flaw> {
  // The handshake may be one of the next lines.
  await probe.endsWithin(300);
  const follows = probe.stdout.split("\n").some((other) => meant.test(other));
  return new Flaw({
    reason: "STDOUT_NOISE",
    what: `the first line on standard output is ${quote(line)}${follows ? ", and the handshake comes after it" : ""}.`,
    why: 'The host takes the first line for the handshake and fails with "Unrecognized remote plugin message".',
    mend: "Print to standard error, from the first import on: standard output belongs to the handshake.",
  });
}

/** The sentence of the host, with what it means for the author. */
function readLine(line: string): Handshake {
  const fields = line.trim().split("|");
  if (fields.length < 5)
    throw new Flaw({
      reason: "FIELDS",
      what: `the handshake ${quote(line)} has ${fields.length} fields.`,
      why: `The host needs five: core version, plugin version, network, address, protocol.`,
      mend: `Write ${form}.`,
    });
  try {
    const handshake = parseHandshake(line);
    if (handshake.certificateDer !== undefined)
      throw new Flaw({
        reason: "TLS_UNASKED",
        what: "the handshake carries a certificate, though the host did not ask for TLS.",
        why: "A host that gave no certificate of its own connects in plain text, and this plugin would refuse it.",
        mend: "Use TLS only when PLUGIN_CLIENT_CERT is set; otherwise leave the sixth field empty.",
      });
    return handshake;
  } catch (error) {
    if (error instanceof Flaw) throw error;
    const { reason, message } = StatusError.from(error);
    throw new Flaw({
      reason: reason.replace(/^HANDSHAKE_/, ""),
      what: `${message}.`,
      ...meaningOf(reason, line),
    });
  }
}

function meaningOf(reason: string, line: string): { readonly why: string; readonly mend: string } {
  switch (reason) {
    case "HANDSHAKE_CORE_VERSION":
      return {
        why: `The first field of ${quote(line)} is go-plugin's own protocol, of which there is only 1.`,
        mend: "Write 1 in the first field.",
      };
    case "HANDSHAKE_APP_VERSION":
      return {
        why: `The second field of ${quote(line)} is the version of SPIFFE's plugin protocol, which is 1; hosts offer no other in PLUGIN_PROTOCOL_VERSIONS.`,
        mend: "Write 1 in the second field; in go-plugin set ProtocolVersion to 1.",
      };
    case "HANDSHAKE_NETWORK":
      return {
        why: `The third field of ${quote(line)} is the network, which is unix.`,
        mend: 'Listen on a unix socket and write "unix".',
      };
    case "HANDSHAKE_PROTOCOL":
      return {
        why: `The fifth field of ${quote(line)} is the protocol; SPIFFE plugins speak gRPC, not Go's net/rpc.`,
        mend: 'Write "grpc"; in go-plugin set GRPCServer: plugin.DefaultGRPCServer.',
      };
    default:
      return { why: `The host cannot read ${quote(line)}.`, mend: `Write ${form}.` };
  }
}

async function requireReachable({ network, address }: Handshake): Promise<void> {
  if (network === "tcp")
    throw new Flaw({
      reason: "TCP",
      what: `the plugin listens on TCP, at ${address}.`,
      why: "Every user of the machine can connect to a TCP port, and ask a key manager to sign.",
      mend: "Listen on a unix socket in the folder that PLUGIN_UNIX_SOCKET_DIR names.",
    });
  if (!isAbsolute(address))
    throw new Flaw({
      reason: "SOCKET_RELATIVE",
      what: `the socket's path ${address} is relative.`,
      why: "The host may run in another folder, and would look for it there.",
      mend: "Write the absolute path.",
    });
  if (Buffer.byteLength(address) > maxPathBytes)
    throw new Flaw({
      reason: "SOCKET_PATH_LENGTH",
      what: `the socket's path is ${Buffer.byteLength(address)} bytes long.`,
      why: `Linux takes ${maxPathBytes}; some languages bind a cut-off path without a word.`,
      mend: "Use a short name in the folder that PLUGIN_UNIX_SOCKET_DIR names.",
    });
  const stat = lstatSync(address, { throwIfNoEntry: false });
  if (stat === undefined || !stat.isSocket())
    throw new Flaw({
      reason: "SOCKET_MISSING",
      what: `${address} ${stat === undefined ? "is not there" : "is not a socket"}.`,
      why: "The host connects as soon as it has read the line.",
      mend: "Listen first, and write the line then, with the very path that is listened on.",
    });
  const refusedWith = await connectionFailure(address);
  if (refusedWith !== undefined)
    throw new Flaw({
      reason: "SOCKET_REFUSES",
      what: `nobody answers at ${address} (${refusedWith}).`,
      why: "The socket file is there, but no process listens on it: it may be left from an earlier run.",
      mend: "Listen before the line is written, and keep listening.",
    });
}

function connectionFailure(path: string): Promise<string | undefined> {
  return new Promise((resolve) => {
    const socket = connect(path);
    socket.once("connect", () => {
      socket.destroy();
      resolve(undefined);
    });
    socket.once("error", (error: NodeJS.ErrnoException) => resolve(error.code ?? error.message));
  });
}

/** @throws {Flaw} when other users of the machine can connect. */
export function requirePrivate({ address }: Pick<Handshake, "address">): void {
  const isClosed = (statSync(dirname(address)).mode & 0o001) === 0;
  if (isClosed || (lstatSync(address).mode & 0o002) === 0) return;
  throw new Flaw({
    reason: "SOCKET_OPEN",
    what: `every user of the machine may connect to ${address}.`,
    why: "Whoever connects can ask whatever the host can: a key manager would sign for them.",
    mend: "Set the umask to 077 before listening, or put the socket into a folder of mode 0700.",
  });
}

/** @throws {Flaw} when there is more on standard output than the handshake. */
export function requireNothingElse(probe: Probe): void {
  const [, ...rest] = probe.stdout.split("\n");
  const noise = rest.filter((line) => line !== "");
  const [first] = noise;
  if (first === undefined) return;
  if (/^\d+\|\d+\|/.test(first))
    throw new Flaw({
      reason: "HANDSHAKE_TWICE",
      what: `the plugin says a second handshake: ${quote(first)}.`,
      why: "The host has read the first and never looks again; whoever listens at the second socket waits in vain.",
      mend: "Serve once: look for a second call of serve, or a library that serves at import.",
    });
  throw new Flaw({
    reason: "STDOUT_NOISE",
    what: `after its handshake the plugin writes ${quote(first)} to standard output${noise.length > 1 ? `, and ${noise.length - 1} lines more` : ""}.`,
    why: "Nobody reads it: it is lost under SPIRE, and a host that stops reading would block the plugin at its next print.",
    mend: "Log to standard error, one JSON object a line as go-hclog does, or plain text.",
  });
}

export function quote(text: string): string {
  return JSON.stringify(text.length > 100 ? `${text.slice(0, 100)}…` : text);
}

function tail(probe: Probe): string {
  return probe.lastWords === "" ? "; it logged nothing" : `; its last words: ${probe.lastWords}`;
}
