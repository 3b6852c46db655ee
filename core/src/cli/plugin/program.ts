import type { Program } from "../help.ts";
import { version } from "../version.ts";
import { pluginDoctor } from "./doctor.ts";
import { pluginNew } from "./new.ts";
import { pluginTest } from "./test.ts";

export const pluginProgram: Program = {
  name: "finial",
  version,
  commands: [pluginDoctor, pluginNew, pluginTest],
};
