import { lstatSync, mkdtempSync, readdirSync, rmSync } from "node:fs";
import { connect, createServer, type Server } from "node:net";
import { join } from "node:path";

const prefix = "finial-sockets-";
/** A socket that answers as long as the daemon lives, whatever ends it. */
const alive = "alive";

/** The one folder of all sockets between a daemon and its plugins. Only this user can enter it. */
export class SocketFolder implements AsyncDisposable {
  readonly path: string;
  readonly #alive: Server;

  private constructor(path: string, alive: Server) {
    this.path = path;
    this.#alive = alive;
  }

  /** Makes one, and removes those that killed daemons have left behind. */
  static async make(parent: string): Promise<SocketFolder> {
    for (const name of readdirSync(parent))
      if (name.startsWith(prefix)) await removeIfLeft(join(parent, name));
    const path = mkdtempSync(join(parent, prefix));
    const server = createServer((caller) => caller.destroy());
    await new Promise<void>((resolve, reject) => {
      server.once("error", reject);
      server.listen(join(path, alive), resolve);
    });
    return new SocketFolder(path, server.unref());
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
  if ((await outcomeOf(join(path, alive))) === "ECONNREFUSED") rmSync(path, { recursive: true, force: true });
}

function outcomeOf(socket: string): Promise<string | undefined> {
  return new Promise((resolve) => {
    const connection = connect(socket);
    connection.once("connect", () => resolve(undefined));
    connection.once("error", (error: NodeJS.ErrnoException) => resolve(error.code));
    connection.once("close", () => connection.destroy()).unref();
  });
}
