import { randomBytes } from "node:crypto";
import { existsSync, globSync, mkdirSync, renameSync, rmSync, statSync, writeFileSync } from "node:fs";
import { basename, dirname, join, resolve } from "node:path";
import { Code, type PluginType, StatusError } from "@finial/sdk";
import { nearest } from "@finial/sdk/hcl";
import { kinds } from "./kind.ts";
import { hasTemplate } from "./package-files.ts";

const maxNameLength = 40;

/**
 * The type of which a plugin is to be written.
 *
 * @throws {StatusError} InvalidArgument `NEW_PLUGIN` in one sentence.
 */
export function templateKind(side: string, type: string): PluginType {
  if (side !== "server" && side !== "agent")
    throw refused(`a plugin is for a server or an agent, not for "${side}"`);
  const there = kinds.filter((kind) => kind.side === side);
  const writable = there.filter(hasTemplate);
  const named = there.find(({ name }) => name === type);
  if (named !== undefined && hasTemplate(named)) return named;
  if (named !== undefined)
    throw refused(`there is no template of a ${type}: begin with a copy of a built-in one`);
  const names = writable.map(({ name }) => name);
  const meant = names.find((name) => name.toLowerCase() === type.toLowerCase()) ?? nearest(type, names);
  const hint = meant === undefined ? `there are ${names.join(", ")}` : `did you mean ${meant}?`;
  throw refused(`the ${side} has no plugin type "${type}"; ${hint}`);
}

/** @throws {StatusError} InvalidArgument `NEW_PLUGIN` in one sentence. */
export function requireName(kind: PluginType, name: string): void {
  if (!/^[a-z][a-z0-9_]*$/.test(name))
    throw refused(
      `"${name}" is no name for a plugin: it begins with a small letter, and has small letters, digits and _ only`,
    );
  if (name.length > maxNameLength)
    throw refused(`a plugin's name has at most ${maxNameLength} characters, not ${name.length}`);
  if (kind.name === "NodeAttestor" && name === "join_token")
    throw refused("join_token is built into the server, and cannot be a plugin of anybody's");
}

/**
 * What package.json says of the sdk.
 *
 * @param sdk a version, or the folder of packages that `npm run pack` fills.
 * @throws {StatusError} InvalidArgument `NEW_PLUGIN` when it is neither.
 */
export function sdkDependencies(sdk: string, cwd: string): Readonly<Record<string, string>> {
  if (/^[\^~]?\d+\.\d+\.\d+(-[\w.]+)?$/.test(sdk)) return { "@finial/sdk": sdk };
  const folder = resolve(cwd, sdk);
  if (!statSync(folder, { throwIfNoEntry: false })?.isDirectory())
    throw refused(`-sdk is a version such as 1.2.3, or a folder with the packed sdk, not "${sdk}"`);
  return Object.fromEntries(
    ["sdk", "proto"].map((name) => {
      const [packed, ...others] = globSync(`finial-${name}-[0-9]*.tgz`, { cwd: folder });
      if (packed === undefined || others.length > 0)
        throw refused(
          `${folder} must have one finial-${name}-VERSION.tgz, and has ${others.length === 0 ? "none" : others.length + 1}`,
        );
      return [`@finial/${name}`, `file:${join(folder, packed)}`];
    }),
  );
}

/**
 * Writes a folder that is not there yet: whole, or not at all.
 *
 * @throws {StatusError} AlreadyExists `NEW_PLUGIN`; the system's error when it cannot be written.
 */
export function writeFolder(folder: string, files: ReadonlyMap<string, string>): void {
  if (existsSync(folder))
    throw new StatusError(
      Code.AlreadyExists,
      "NEW_PLUGIN",
      `${folder} is there already, and was not touched`,
    );
  mkdirSync(dirname(folder), { recursive: true });
  const beside = join(dirname(folder), `.${basename(folder)}-${randomBytes(4).toString("hex")}`);
  mkdirSync(beside);
  try {
    for (const [path, text] of files) {
      mkdirSync(dirname(join(beside, path)), { recursive: true });
      writeFileSync(join(beside, path), text);
    }
    renameSync(beside, folder);
  } catch (error) {
    rmSync(beside, { recursive: true, force: true });
    throw error;
  }
}

function refused(message: string): StatusError {
  return new StatusError(Code.InvalidArgument, "NEW_PLUGIN", message);
}
