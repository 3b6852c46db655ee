import { finialCommand, spireCommand } from "../binaries.ts";

/** Whose daemons load the plugins. */
export interface MatrixHost {
  readonly name: "Finial" | "SPIRE";
  readonly serverCommand: readonly string[];
  readonly agentCommand: readonly string[];
}

export const finialHost: MatrixHost = {
  name: "Finial",
  serverCommand: finialCommand("finial-server"),
  agentCommand: finialCommand("finial-agent"),
};

/** Undefined where `SPIRE_BIN_DIR` does not say where SPIRE's programs are. */
export function findSpireHost(): MatrixHost | undefined {
  const serverCommand = spireCommand("spire-server");
  const agentCommand = spireCommand("spire-agent");
  if (serverCommand === undefined || agentCommand === undefined) return undefined;
  return { name: "SPIRE", serverCommand, agentCommand };
}
