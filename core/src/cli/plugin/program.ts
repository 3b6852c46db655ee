import type { Program } from "../help.ts";
import { version } from "../version.ts";
import { pluginDoctor } from "./doctor.ts";
import { pluginNew } from "./new.ts";
import { pluginInstall } from "./package/install.ts";
import { pluginList } from "./package/list.ts";
import { pluginLock } from "./package/lock.ts";
import { pluginRemove } from "./package/remove.ts";
import { pluginVerify } from "./package/verify.ts";
import { pluginTest } from "./test.ts";

export const pluginProgram: Program = {
  name: "finial",
  version,
  commands: [
    pluginDoctor,
    pluginInstall,
    pluginList,
    pluginLock,
    pluginNew,
    pluginRemove,
    pluginTest,
    pluginVerify,
  ],
};
