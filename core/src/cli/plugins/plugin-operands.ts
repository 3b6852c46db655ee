import type { PluginName } from "@finial/proto/api/plugin/v1/plugin";
import { usageError } from "../usage-error.ts";

/** How a plugin is named on a command line: as its block in the configuration is. */
export const pluginOperands = "<type> <name>";

/** @throws {StatusError} InvalidArgument when it is not one type and one name. */
export function pluginOf(operands: readonly string[]): PluginName {
  const [type, name, ...others] = operands;
  if (type === undefined || name === undefined || others.length > 0)
    throw usageError('name one plugin as its block does, such as KeyManager disk; "plugin list" shows all');
  return { type, name };
}

/** @throws {StatusError} InvalidArgument when it is neither nothing nor one type and one name. */
export function pluginOrAll(operands: readonly string[]): PluginName | undefined {
  return operands.length === 0 ? undefined : pluginOf(operands);
}
