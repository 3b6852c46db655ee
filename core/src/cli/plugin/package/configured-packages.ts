import { basename, resolve } from "node:path";
import { decodeConfig, printed } from "@finial/sdk/hcl";
import { titleOf } from "../../../kernel/catalog/plugin-block.ts";
import { loadConfigText } from "../../../kernel/config/load.ts";
import { pluginsBlock } from "../../../kernel/config/plugins-block.ts";
import type { PackageId } from "../../../kernel/pluginstore/package-id.ts";
import type { CommandIo } from "../../io.ts";

/** A package that a configuration names. */
export interface ConfiguredPackage {
  readonly id: PackageId;
  /** Such as `KeyManager "disk" in server.conf`. */
  readonly usedBy: string;
}

/** Only the plugins are of interest: a configuration with another mistake has packages all the same. */
const fields = {
  server: printed(),
  agent: printed(),
  plugins: pluginsBlock(),
  telemetry: printed(),
  health_checks: printed(),
};

/**
 * The packages that servers' and agents' configurations name.
 *
 * @throws {StatusError} NotFound or InvalidArgument, with the file.
 */
export function findConfigured(
  files: readonly string[],
  { cwd }: Pick<CommandIo, "cwd">,
): readonly ConfiguredPackage[] {
  return files.flatMap((filename) => {
    const { plugins = [] } = decodeConfig(loadConfigText(resolve(cwd, filename)), fields, { filename });
    return plugins.flatMap((block) =>
      block.pluginPackage === undefined
        ? []
        : [{ id: block.pluginPackage.id, usedBy: `${titleOf(block)} in ${basename(filename)}` }],
    );
  });
}
