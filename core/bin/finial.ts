import { main } from "../src/cli/main.ts";
import { pluginProgram } from "../src/cli/plugin/program.ts";

await main(pluginProgram);
