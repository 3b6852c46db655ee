import { main } from "../src/cli/main.ts";
import { serverProgram } from "../src/cli/server/program.ts";

await main(serverProgram);
