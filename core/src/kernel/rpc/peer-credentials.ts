import { closeSync, readFileSync } from "node:fs";
import { Code, StatusError } from "@finial/sdk";
import koffi from "koffi";

const SOL_SOCKET = 1;
const SO_PEERCRED = 17;
/** Linux 6.5 and later. */
const SO_PEERPIDFD = 77;
const ENOPROTOOPT = 92;

/** The process at the other end of a unix socket, as the kernel fixed it when the connection was made. */
export interface PeerProcess extends Disposable {
  readonly pid: number;
  readonly uid: number;
  readonly gid: number;
  /** False once the process that connected has ended, even when another has its pid by now. */
  isAlive(): boolean;
}

type GetSockOpt = (fd: number, level: number, name: number, value: Buffer, size: Buffer) => number;

let getsockopt: GetSockOpt | undefined;

function libc(): GetSockOpt {
  getsockopt ??= koffi
    .load(null)
    .func("int getsockopt(int, int, int, _Out_ uint8_t *, _Inout_ uint8_t *)") as GetSockOpt;
  return getsockopt;
}

/**
 * @param fd a connected unix socket.
 * @throws {StatusError} Unavailable `PEER_GONE` when the process ended before it could be pinned; Internal when the kernel does
 *   not say who it is.
 */
export function readPeerProcess(fd: number): PeerProcess {
  const credentials = socketOption(fd, SO_PEERCRED, 12);
  if (credentials === undefined)
    throw new StatusError(Code.Internal, "PEER_UNKNOWN", "the kernel does not name the peer of this socket");
  const pid = credentials.readInt32LE(0);
  const who = { pid, uid: credentials.readUInt32LE(4), gid: credentials.readUInt32LE(8) };
  const pidfd = socketOption(fd, SO_PEERPIDFD, 4)?.readInt32LE(0);
  return pidfd === undefined ? pinByStartTime(who) : pinByPidfd(who, pidfd);
}

type Who = Pick<PeerProcess, "pid" | "uid" | "gid">;

/** The descriptor stands for the process itself: nothing else can take its place. */
function pinByPidfd(who: Who, pidfd: number): PeerProcess {
  return {
    ...who,
    isAlive: () => /^Pid:\s+[1-9]/m.test(readFileSync(`/proc/self/fdinfo/${pidfd}`, "latin1")),
    [Symbol.dispose]: () => closeSync(pidfd),
  };
}

/** Older kernels: a pid that is used again starts later. */
function pinByStartTime(who: Who): PeerProcess {
  const startTime = findStartTime(who.pid);
  if (startTime === undefined)
    throw new StatusError(Code.Unavailable, "PEER_GONE", "the process that connected is gone");
  return {
    ...who,
    isAlive: () => findStartTime(who.pid) === startTime,
    [Symbol.dispose]: () => {},
  };
}

/** Clock ticks after boot. @see proc_pid_stat(5), field 22; the command before it may hold spaces and brackets. */
function findStartTime(pid: number): string | undefined {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, "latin1");
    return stat.slice(stat.lastIndexOf(")") + 2).split(" ")[19];
  } catch (error) {
    if (error instanceof Error && "code" in error && (error.code === "ENOENT" || error.code === "ESRCH"))
      return undefined;
    throw error;
  }
}

/** Undefined where the kernel does not know the option. */
function socketOption(fd: number, name: number, size: number): Buffer | undefined {
  const value = Buffer.alloc(size);
  const length = Buffer.alloc(4);
  length.writeUInt32LE(size);
  if (libc()(fd, SOL_SOCKET, name, value, length) === 0) return value;
  if (koffi.errno() === ENOPROTOOPT) return undefined;
  throw new StatusError(Code.Unavailable, "PEER_GONE", "the process that connected is gone");
}
