import { resolve } from "node:path";
import { StatusError } from "@finial/sdk";
import { block, bool, type Decoded, type Field, labelled, printed, string, strings } from "@finial/sdk/hcl";
import type { ConfigOrigin } from "../catalog/config-origin.ts";
import type { PluginBlock, PluginPackage } from "../catalog/plugin-block.ts";
import type { GivenEnvironment } from "../pluginhost/environment.ts";
import { parsePackageId } from "../pluginstore/package-id.ts";
import { placesOf, type StorePlaces } from "../pluginstore/plugin-store.ts";
import { mayBeReference } from "../secret/reference.ts";
import { checkGivenVariables, pluginEnvField } from "./plugin-env-field.ts";

const fields = {
  plugin_cmd: string(),
  plugin_package: string(),
  plugin_args: strings(),
  plugin_checksum: string(),
  plugin_mtls: bool(),
  plugin_data: printed(),
  plugin_data_file: string(),
  plugin_env: pluginEnvField(),
  plugin_env_compat: bool({ default: false }),
  enabled: bool({ default: true }),
};

/**
 * `plugins { TYPE "NAME" { … } }`, in the order of the file. Types are not checked here: the catalog knows them.
 */
export function pluginsBlock(): Field<readonly PluginBlock[] | undefined> {
  const byType = labelled(labelled(block(fields)));
  return {
    read: (occurrences, path, report) => {
      if (occurrences.length === 0) return undefined;
      const seen = new Set<string>();
      return byType.read(occurrences, path, report).flatMap(({ label: type, value: named }) =>
        named.map(({ label: name, position, value }) => {
          const key = `${type}/${name}`;
          if (seen.has(key)) report.add(position, `plugin "${type}"/"${name}" declared more than once`);
          seen.add(key);
          if (value?.plugin_data !== undefined && value.plugin_data_file !== undefined)
            report.add(
              position,
              `${type} "${name}": only one of [plugin_data, plugin_data_file] can be used`,
            );
          if (value?.plugin_package && value.plugin_cmd)
            report.add(position, `${type} "${name}": only one of [plugin_cmd, plugin_package] can be used`);
          checkGivenVariables(value?.plugin_env ?? [], type, report);
          if (value?.plugin_args.some(mayBeReference))
            report.add(
              position,
              `${type} "${name}": plugin_args are seen by every user of this machine; a secret is for plugin_data or plugin_env`,
            );
          return {
            type,
            name,
            pluginCmd: value?.plugin_cmd || undefined,
            pluginPackage: packageOf(value, (why) => report.add(position, `${type} "${name}": ${why}`)),
            pluginArgs: value?.plugin_args ?? [],
            pluginChecksum: value?.plugin_checksum || undefined,
            pluginMtls: value?.plugin_mtls,
            configText: value?.plugin_data?.text,
            configOrigin: originOf(value, report.filename),
            pluginDataFile: value?.plugin_data_file || undefined,
            environment: environmentOf(value),
            enabled: value?.enabled ?? true,
          };
        }),
      );
    },
  };
}

/** In the store that is taken where none is named; {@link withStore} has the daemon's. */
function packageOf(
  value: Decoded<typeof fields> | undefined,
  report: (why: string) => void,
): PluginPackage | undefined {
  if (!value?.plugin_package) return undefined;
  try {
    const store = placesOf({ folder: "", lockFile: "" });
    return { id: parsePackageId(value.plugin_package), store };
  } catch (error) {
    report(`plugin_package: ${StatusError.from(error).message}`);
    return undefined;
  }
}

/** @param places as `plugin_store` and `plugin_lock` have them; "" for what they do not say. */
export function withStore(blocks: readonly PluginBlock[], places: StorePlaces): readonly PluginBlock[] {
  const store = placesOf({
    folder: places.folder && resolve(places.folder),
    lockFile: places.lockFile && resolve(places.lockFile),
  });
  return blocks.map((block) =>
    block.pluginPackage === undefined
      ? block
      : { ...block, pluginPackage: { ...block.pluginPackage, store } },
  );
}

/** Absent where nothing is said of it. */
function environmentOf(value: Decoded<typeof fields> | undefined): GivenEnvironment | undefined {
  const { plugin_env: variables = [], plugin_env_compat: isCompatible = false } = value ?? {};
  if (variables.length === 0 && !isCompatible) return undefined;
  return {
    names: variables.flatMap(({ name, value }) => (value === undefined ? [name] : [])),
    values: Object.fromEntries(
      variables.flatMap(({ name, value }) => (value === undefined ? [] : [[name, value]])),
    ),
    isCompatible,
  };
}

function originOf(
  value: Decoded<typeof fields> | undefined,
  filename: string | undefined,
): ConfigOrigin | undefined {
  if (value?.plugin_data_file) return { file: value.plugin_data_file };
  if (value?.plugin_data === undefined || filename === undefined) return undefined;
  return { file: filename, places: value.plugin_data.places };
}
