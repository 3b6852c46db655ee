import { lstatSync, mkdtempSync, readdirSync, renameSync, rmSync } from "node:fs";
import { connect, createServer, type Server } from "node:net";
import { join } from "node:path";
import { Code, StatusError } from "@finial/sdk";

const prefix = "finial-sockets-";
/** A socket that answers as long as the daemon lives, whatever ends it. */
const alive = "alive";
const starting = "starting";

/** The longest path that fits a `sockaddr_un` on Linux; Node binds a cut-off one without a word. */
const maxPathBytes = 107;
/** Below it each process has a folder of its own. */
export const ownFolderPrefix = "p";
/** The longest name below that: go-plugin's, `plugin` and ten digits. */
const longestName = `/${ownFolderPrefix}XXXXXX/plugin4294967295`;

/**
 * The one folder of all sockets between a daemon and its plugins, and of what else is theirs alone. Only this user can enter
 * it.
 */
export class SocketFolder implements AsyncDisposable {
  readonly path: string;
  readonly #alive: Server;

  private constructor(path: string, alive: Server) {
    this.path = path;
    this.#alive = alive;
  }

  /**
   * Makes one, and removes those that killed daemons have left behind.
   *
   * @throws {StatusError} FailedPrecondition `SOCKET_PATH_LENGTH`.
   */
  static async make(parent: string): Promise<SocketFolder> {
    if (Buffer.byteLength(`${join(parent, prefix)}XXXXXX${longestName}`) > maxPathBytes)
      throw new StatusError(
        Code.FailedPrecondition,
        "SOCKET_PATH_LENGTH",
        `the temporary folder ${parent} has too long a name for the sockets of plugins; set TMPDIR to a shorter one`,
      );
    for (const name of readdirSync(parent))
      if (name.startsWith(prefix)) await removeIfLeft(join(parent, name));
    const path = mkdtempSync(join(parent, prefix));
    const server = createServer((caller) => caller.destroy());
    const folder = new SocketFolder(path, server.unref());
    try {
      await new Promise<void>((resolve, reject) => {
        server.once("error", reject);
        server.listen(join(path, starting), resolve);
      });
      // A socket that is bound and does not listen yet refuses as one does whose daemon is gone.
      renameSync(join(path, starting), join(path, alive));
    } catch (error) {
      await folder[Symbol.asyncDispose]();
      throw error;
    }
    return folder;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await new Promise((resolve) => this.#alive.close(resolve));
    rmSync(this.path, { recursive: true, force: true });
  }
}

async function removeIfLeft(path: string): Promise<void> {
  const entry = lstatSync(path, { throwIfNoEntry: false });
  if (entry === undefined || !entry.isDirectory() || entry.uid !== process.getuid?.()) return;
  // Anything but a refusal may mean a daemon: one that starts or ends just now, or is too busy to answer.
  if ((await outcomeOf(join(path, alive))) !== "ECONNREFUSED") return;
  try {
    rmSync(path, { recursive: true, force: true });
  } catch {
    // A plugin has closed a folder of its to itself, or has run as another user: no reason for a daemon not to start.
  }
}

function outcomeOf(socket: string): Promise<string | undefined> {
  return new Promise((resolve) => {
    const connection = connect(socket);
    connection.once("connect", () => resolve(undefined));
    connection.once("error", (error: NodeJS.ErrnoException) => resolve(error.code));
    connection.once("close", () => connection.destroy()).unref();
  });
}
