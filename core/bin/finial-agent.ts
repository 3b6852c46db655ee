import { agentProgram } from "../src/cli/agent/program.ts";
import { main } from "../src/cli/main.ts";

await main(agentProgram);
