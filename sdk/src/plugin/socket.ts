import { chmodSync, chownSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import { Code } from "../status/code.ts";
import { StatusError } from "../status/status-error.ts";

/** The longest path that fits a `sockaddr_un` on Linux; Node binds a cut-off one without a word. */
const maxPathBytes = 107;

/** Where a plugin listens: in a private folder, removed with it. */
export interface PluginSocket extends Disposable {
  readonly path: string;
  /** Opens it to the group go-plugin asks for, after it is bound. */
  allowGroup(group: string): void;
}

/**
 * Makes a folder that only this user can enter.
 *
 * @param parent go-plugin's PLUGIN_UNIX_SOCKET_DIR, or the temporary folder.
 * @throws {StatusError} FailedPrecondition `SOCKET_PATH_LENGTH`.
 */
export function makePluginSocket(parent: string): PluginSocket {
  const folder = mkdtempSync(join(parent, "plugin"));
  const path = join(folder, "s");
  if (Buffer.byteLength(path) > maxPathBytes) {
    rmSync(folder, { recursive: true });
    throw new StatusError(
      Code.FailedPrecondition,
      "SOCKET_PATH_LENGTH",
      `the socket path ${path} is longer than ${maxPathBytes} bytes; set TMPDIR to a shorter folder`,
    );
  }
  return {
    path,
    allowGroup: (group) => {
      const gid = groupId(group);
      for (const [target, mode] of [[folder, 0o750] as const, [path, 0o660] as const]) {
        chownSync(target, -1, gid);
        chmodSync(target, mode);
      }
    },
    [Symbol.dispose]: () => rmSync(folder, { recursive: true, force: true }),
  };
}

function groupId(group: string): number {
  if (/^\d+$/.test(group)) return Number(group);
  const line = readFileSync("/etc/group", "utf8")
    .split("\n")
    .find((entry) => entry.startsWith(`${group}:`));
  const gid = line?.split(":")[2];
  if (gid === undefined)
    throw new StatusError(Code.FailedPrecondition, "SOCKET_GROUP", `there is no group "${group}"`);
  return Number(gid);
}
