import { join } from "node:path";
import { definePlugin, type Plugin } from "@finial/sdk";
import { WorkloadAttestor } from "@finial/sdk/agent";
import { type Config, parseConfig } from "./config.ts";
import { digestFile } from "./digest-file.ts";
import { NameFile } from "./name-file.ts";
import { processFolder, readOwner, readProgramPath } from "./workload.ts";

export interface UnixFiles {
  readonly procPath: string;
  readonly passwdPath: string;
  readonly groupPath: string;
}

/** WorkloadAttestor "unix" over the given files. */
export function unixPlugin({ procPath, passwdPath, groupPath }: UnixFiles): Plugin {
  return definePlugin({
    type: WorkloadAttestor,
    name: "unix",
    parseConfig,
    open: () => {
      let config: Config = { discoverWorkloadPath: false, workloadSizeLimitBytes: 0 };
      const users = new NameFile(passwdPath);
      const groups = new NameFile(groupPath);
      return {
        configure: (parsed) => {
          config = parsed;
        },
        service: {
          attest: async ({ pid }, { signal }) => {
            const { discoverWorkloadPath, workloadSizeLimitBytes: limitBytes } = config;
            const folder = processFolder(procPath, pid);
            const owner = readOwner(folder);
            // Once for all: a process may have 65536 groups.
            const [userNames, groupNames] = [users.read(), groups.read()];
            const values = [
              `uid:${owner.uid}`,
              ...named("user", userNames.get(owner.uid)),
              `gid:${owner.gid}`,
              ...named("group", groupNames.get(owner.gid)),
            ];
            for (const gid of owner.supplementaryGids)
              values.push(`supplementary_gid:${gid}`, ...named("supplementary_group", groupNames.get(gid)));
            if (discoverWorkloadPath) {
              values.push(`path:${await readProgramPath(folder)}`);
              if (limitBytes >= 0)
                values.push(`sha256:${await digestFile(join(folder, "exe"), { limitBytes, signal })}`);
            }
            // The kernel lets a process hold a group twice, and two groups may share a name.
            return { selectorValues: [...new Set(values)] };
          },
        },
      };
    },
  });
}

function named(kind: string, name: string | undefined): readonly string[] {
  return name === undefined ? [] : [`${kind}:${name}`];
}

/** As the agent runs it. */
export const plugin: Plugin = unixPlugin({
  procPath: "/proc",
  passwdPath: "/etc/passwd",
  groupPath: "/etc/group",
});
