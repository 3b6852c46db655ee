import { text } from "../flag.ts";
import type { CommandIo } from "../io.ts";
import { resolveSocketPath } from "../socket-path.ts";

export const defaultSocketPath = "/tmp/spire-agent/public/api.sock";
const variable = "SPIRE_AGENT_PUBLIC_SOCKET";

/** Which agent to ask. */
export const socketFlags = {
  socketPath: text("The agent's socket for workloads", defaultSocketPath),
  instance: text(`The agent to ask, put in the place of %i in the environment variable ${variable}_TEMPLATE`),
};

/** @throws {StatusError} InvalidArgument when an instance is named and there is no template for it. */
export function agentSocketPath(
  flags: { readonly socketPath: string; readonly instance: string },
  io: CommandIo,
): string {
  const { socketPath, instance } = flags;
  return resolveSocketPath({ given: socketPath, defaultPath: defaultSocketPath, variable, instance }, io);
}
