import { closeSync, readFileSync } from "node:fs";
import { Code, StatusError } from "@finial/sdk";
import koffi from "koffi";

const SOL_SOCKET = 1;
const SO_PEERCRED = 17;
/** Linux 6.5 and later. */
const SO_PEERPIDFD = 77;
const EINTR = 4;
const ENOPROTOOPT = 92;
const POLLIN = 1;

/** The process at the other end of a unix socket, as the kernel fixed it when the connection was made. */
export interface PeerProcess extends Disposable {
  /** 0 when it lives in a pid namespace that cannot be seen from here. */
  readonly pid: number;
  readonly uid: number;
  readonly gid: number;
  /** False once the process that connected has ended, even when nobody has waited for it or another has its pid by now. */
  isAlive(): boolean;
}

interface Libc {
  readonly getsockopt: (fd: number, level: number, name: number, value: Buffer, size: Buffer) => number;
  readonly poll: (fds: Buffer, count: number, timeoutMs: number) => number;
}

let loaded: Libc | undefined;

function libc(): Libc {
  if (loaded !== undefined) return loaded;
  const library = koffi.load(null);
  loaded = {
    getsockopt: library.func("int getsockopt(int, int, int, _Out_ uint8_t *, _Inout_ uint8_t *)"),
    poll: library.func("int poll(_Inout_ uint8_t *, unsigned long, int)"),
  };
  return loaded;
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
  let closed = false;
  return {
    ...who,
    isAlive: () => !closed && !hasEnded(pidfd),
    [Symbol.dispose]: () => {
      if (closed) return;
      closed = true;
      closeSync(pidfd);
    },
  };
}

/** A pidfd can be read once its process has ended. @see pidfd_open(2) */
function hasEnded(pidfd: number): boolean {
  const pollfd = Buffer.alloc(8);
  pollfd.writeInt32LE(pidfd, 0);
  pollfd.writeInt16LE(POLLIN, 4);
  for (;;) {
    const ready = libc().poll(pollfd, 1, 0);
    // A signal to this process says nothing of the other.
    if (ready === -1 && koffi.errno() === EINTR) continue;
    return ready !== 0;
  }
}

/** Older kernels: a pid that is used again starts later. */
export function pinByStartTime(who: Who): PeerProcess {
  const startTime = findStartTime(who.pid);
  if (startTime === undefined)
    throw new StatusError(Code.Unavailable, "PEER_GONE", "the process that connected is gone");
  return {
    ...who,
    isAlive: () => findStartTime(who.pid) === startTime,
    [Symbol.dispose]: () => {},
  };
}

/**
 * Clock ticks after boot; undefined when there is no such process, or nothing but its exit status is left of it.
 *
 * @see proc_pid_stat(5), fields 3 and 22; the command before them may hold spaces and brackets.
 */
function findStartTime(pid: number): string | undefined {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, "latin1");
    const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
    return fields[0] === "Z" || fields[0] === "X" ? undefined : fields[19];
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
  if (libc().getsockopt(fd, SOL_SOCKET, name, value, length) === 0) return value;
  if (koffi.errno() === ENOPROTOOPT) return undefined;
  throw new StatusError(Code.Unavailable, "PEER_GONE", "the process that connected is gone");
}
