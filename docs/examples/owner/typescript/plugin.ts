import { stat } from "node:fs/promises";
import { Code, definePlugin, StatusError } from "@finial/sdk";
import { WorkloadAttestor } from "@finial/sdk/agent";
import { bool, decodeConfig } from "@finial/sdk/hcl";

/** A WorkloadAttestor that knows a process by its owner. */
export const plugin = definePlugin({
  type: WorkloadAttestor,
  name: "owner",
  parseConfig: (text) =>
    decodeConfig(text, { with_group: bool({ default: true }) }, { filename: "plugin_data" }),
  open: () => {
    let withGroup = true;
    return {
      configure: (config) => {
        withGroup = config.with_group;
      },
      service: {
        attest: async ({ pid }) => {
          if (pid <= 0) throw new StatusError(Code.InvalidArgument, "PID", "pid must be positive");
          const { uid, gid } = await ownerOf(pid);
          return { selectorValues: [`uid:${uid}`, ...(withGroup ? [`gid:${gid}`] : [])] };
        },
      },
    };
  },
});

async function ownerOf(pid: number): Promise<{ readonly uid: number; readonly gid: number }> {
  try {
    return await stat(`/proc/${pid}`);
  } catch (cause) {
    throw new StatusError(Code.NotFound, "PROCESS_GONE", `cannot look at process ${pid}`, { cause });
  }
}
