import { text } from "../flag.ts";
import { type MakeSocketCommand, socketCommands } from "../socket-command.ts";

/** As SPIRE's documentation has it; the agent serves it only when `admin_socket_path` is set. */
const defaultSocketPath = "/tmp/spire-agent/private/admin.sock";

/** A command that asks an agent over its admin socket. */
export const agentAdminCommand: MakeSocketCommand = socketCommands({
  flags: {
    adminSocketPath: text(
      "The agent's socket for operators, which admin_socket_path in its configuration opens",
      defaultSocketPath,
    ),
  },
  path: ({ adminSocketPath }) => adminSocketPath,
});
