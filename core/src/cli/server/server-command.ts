import { type Flags, text } from "../flag.ts";
import { type MakeSocketCommand, type SocketCommandInput, socketCommands } from "../socket-command.ts";
import { resolveSocketPath } from "../socket-path.ts";

export const defaultSocketPath = "/tmp/spire-server/private/api.sock";
const variable = "SPIRE_SERVER_PRIVATE_SOCKET";

/** What a command of the server's operators works with. */
export type ServerCommandInput<F extends Flags> = SocketCommandInput<F>;

/** A command that asks a server over its socket. */
export const serverCommand: MakeSocketCommand = socketCommands({
  flags: {
    socketPath: text("The socket of the server", defaultSocketPath),
    instance: text(
      `The server to talk to, put in the place of %i in the environment variable ${variable}_TEMPLATE`,
    ),
  },
  path: ({ socketPath: given, instance }, io) =>
    resolveSocketPath({ given, defaultPath: defaultSocketPath, variable, instance }, io),
});
