import type { Program } from "../help.ts";
import { pluginCommands } from "../plugins/commands.ts";
import { version } from "../version.ts";
import { agentBan } from "./agent/ban.ts";
import { agentCount } from "./agent/count.ts";
import { agentEvict } from "./agent/evict.ts";
import { agentList } from "./agent/list.ts";
import { agentPurge } from "./agent/purge.ts";
import { agentShow } from "./agent/show.ts";
import { bundleCount } from "./bundle/count.ts";
import { bundleDelete } from "./bundle/delete.ts";
import { bundleList } from "./bundle/list.ts";
import { bundleSet } from "./bundle/set.ts";
import { bundleShow } from "./bundle/show.ts";
import { entryCount } from "./entry/count.ts";
import { entryCreate } from "./entry/create.ts";
import { entryDelete } from "./entry/delete.ts";
import { entryShow } from "./entry/show.ts";
import { entryUpdate } from "./entry/update.ts";
import { healthcheck } from "./healthcheck.ts";
import { jwtMint } from "./jwt/mint.ts";
import { run, validate } from "./run.ts";
import { serverCommand } from "./server-command.ts";
import { tokenGenerate } from "./token/generate.ts";
import { x509Mint } from "./x509/mint.ts";

export const serverProgram: Program = {
  name: "finial-server",
  version,
  commands: [
    run,
    validate,
    healthcheck,
    tokenGenerate,
    entryCreate,
    entryShow,
    entryUpdate,
    entryDelete,
    entryCount,
    agentList,
    agentShow,
    agentCount,
    agentBan,
    agentEvict,
    agentPurge,
    bundleShow,
    bundleSet,
    bundleList,
    bundleDelete,
    bundleCount,
    x509Mint,
    jwtMint,
    ...pluginCommands(serverCommand),
  ],
};
