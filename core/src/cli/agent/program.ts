import type { Program } from "../help.ts";
import { pluginCommands } from "../plugins/commands.ts";
import { version } from "../version.ts";
import { agentAdminCommand } from "./agent-admin-command.ts";
import { fetchJwt } from "./api/fetch-jwt.ts";
import { fetchX509, fetchX509Short } from "./api/fetch-x509.ts";
import { validateJwt } from "./api/validate-jwt.ts";
import { watch } from "./api/watch.ts";
import { healthcheck } from "./healthcheck.ts";
import { run, validate } from "./run.ts";

export const agentProgram: Program = {
  name: "finial-agent",
  version,
  commands: [
    run,
    validate,
    healthcheck,
    fetchX509Short,
    fetchX509,
    fetchJwt,
    validateJwt,
    watch,
    ...pluginCommands(agentAdminCommand),
  ],
};
