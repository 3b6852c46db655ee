import { stat } from "node:fs/promises";
import { Code, definePlugin, type Plugin, StatusError } from "@finial/sdk";
import { WorkloadAttestor } from "@finial/sdk/agent";
import { type Config, parseConfig } from "./config.ts";

/** WorkloadAttestor "__NAME__": knows a process by its owner. */
export const plugin: Plugin = definePlugin({
  type: WorkloadAttestor,
  name: "__NAME__",
  parseConfig,
  open: ({ logger }) => {
    let configured: Config | undefined;
    return {
      configure: (config) => {
        configured = config;
      },
      service: {
        attest: async ({ pid }) => {
          if (configured === undefined)
            throw new StatusError(Code.FailedPrecondition, "NOT_CONFIGURED", "not configured");
          const { withGroup } = configured;
          const { uid, gid } = await ownerOf(pid);
          logger.debug("Looked at a process", { pid, uid, gid });
          return { selectorValues: [`uid:${uid}`, ...(withGroup ? [`gid:${gid}`] : [])] };
        },
      },
    };
  },
});

/** @throws {StatusError} InvalidArgument for what is no pid, NotFound for a process that is gone. */
async function ownerOf(pid: number): Promise<{ readonly uid: number; readonly gid: number }> {
  if (pid <= 0) throw new StatusError(Code.InvalidArgument, "PID", "pid must be positive");
  try {
    return await stat(`/proc/${pid}`);
  } catch (cause) {
    throw new StatusError(Code.NotFound, "PROCESS_GONE", `cannot look at process ${pid}`, { cause });
  }
}
