import { StatusError } from "@finial/sdk";
import type { Field, HclValue, Occurrence, Position, Report } from "@finial/sdk/hcl";
import { requireGivable } from "../pluginhost/environment.ts";
import { parseSecretReference } from "../secret/reference.ts";

/** A variable that a plugin is given: with a value, or the daemon's own. */
export interface GivenVariable {
  readonly name: string;
  readonly value?: string;
  readonly position: Position;
}

/**
 * `plugin_env = ["NAME", …]`, names of the daemon's variables to pass on, or `plugin_env { NAME = "value" }`, where a value may
 * be a reference to a secret. Both may be there, and add up.
 */
export function pluginEnvField(): Field<readonly GivenVariable[]> {
  return {
    read: (occurrences, path, report) =>
      occurrences.flatMap(({ key, labels, value }) => {
        if (labels.length === 0) return variablesOf(value, path, report);
        report.add(key.position, `${path} takes no label`);
        return [];
      }),
  };
}

/** Reports what a plugin of this type cannot be given. */
export function checkGivenVariables(variables: readonly GivenVariable[], type: string, report: Report): void {
  for (const { name, value, position } of variables)
    try {
      requireGivable(name, type);
      if (value !== undefined) parseSecretReference(value);
    } catch (error) {
      report.add(position, StatusError.from(error).message);
    }
}

function variablesOf(value: HclValue, path: string, report: Report): readonly GivenVariable[] {
  if (value.kind === "list") return value.items.flatMap((item) => listedOf(item, path, report));
  if (value.kind === "object")
    return value.body.items.flatMap(({ keys: [key, ...labels], value }) =>
      settingOf({ key, labels, value }, path, report),
    );
  report.add(value.position, `${path} takes a list of names, or a block of names and values`);
  return [];
}

/** A list of one block is what the JSON form may have for a block. */
function listedOf(item: HclValue, path: string, report: Report): readonly GivenVariable[] {
  if (item.kind === "string") return [{ name: item.value, position: item.position }];
  if (item.kind === "object") return variablesOf(item, path, report);
  report.add(item.position, `${path} takes names in its list`);
  return [];
}

function settingOf(
  { key, labels, value }: Occurrence,
  path: string,
  report: Report,
): readonly GivenVariable[] {
  const text = labels.length === 0 ? textOf(value) : undefined;
  if (text !== undefined) return [{ name: key.text, value: text, position: key.position }];
  report.add(key.position, `${path}.${key.text} takes a string`);
  return [];
}

function textOf(value: HclValue): string | undefined {
  switch (value.kind) {
    case "string":
      return value.value;
    case "number":
      return value.text;
    case "bool":
      return String(value.value);
    default:
      return undefined;
  }
}
