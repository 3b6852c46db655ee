import { existsSync } from "node:fs";
import { join, relative, resolve } from "node:path";
import { requireName, sdkDependencies, templateKind, writeFolder } from "../../kit/new-plugin.ts";
import { packageFiles } from "../../kit/package-files.ts";
import { command } from "../command.ts";
import { text } from "../flag.ts";
import { parseFlags } from "../parse-flags.ts";
import { usageError } from "../usage-error.ts";
import { version } from "../version.ts";

const flags = {
  o: text("The folder to write, which must not be there yet; by default the plugin's name"),
  sdk: text(
    "The sdk to build with: a version, or a folder with the packed sdk (npm run pack fills dist/npm)",
    version,
  ),
};

export const pluginNew = command({
  name: "plugin new",
  synopsis: "Writes the package of a new plugin in TypeScript: code, manifest, README, tests, CI",
  operands: "<server|agent> <type> <name>",
  flags,
  run: async ({ flags: before, given, operands, io }) => {
    const [side, type, name, ...rest] = operands;
    if (side === undefined || type === undefined || name === undefined)
      throw usageError(
        "it takes three words: server or agent, the type, and the name, such as: agent WorkloadAttestor owner",
      );
    // Flags may come after the words, too.
    const after = parseFlags(flags, rest);
    if (after.rest.length > 0)
      throw usageError(`it takes three words; "${after.rest.join(" ")}" is one too many`);
    const flag = (key: "o" | "sdk"): string =>
      after.given.has(key) || !given.has(key) ? after.values[key] : before[key];
    const kind = templateKind(side, type);
    requireName(kind, name);
    const folder = resolve(io.cwd, flag("o") || name);
    const files = packageFiles({ kind, name, sdk: sdkDependencies(flag("sdk"), io.cwd) }, findTemplates());
    writeFolder(folder, files);
    const shown = relative(io.cwd, folder) || ".";
    io.stdout.write(
      `Wrote ${files.size} files to ${shown}: ${kind.name} "${name}" of the ${side}.\nNext: cd ${shown} && npm install && npm run check && npm run conformance\n`,
    );
    return 0;
  },
});

/** Beside the bundle's folder; the sources lie two folders deeper. */
function findTemplates(): string {
  const levels = import.meta.filename.endsWith(".ts") ? 3 : 1;
  const folder = join(import.meta.dirname, ...Array(levels).fill(".."), "templates");
  if (!existsSync(folder)) throw usageError(`the templates are missing: there is no ${folder}`);
  return folder;
}
