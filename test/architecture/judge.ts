import { type Import, packageFolder, packageOf, targetPath } from "./imports.ts";
import { type Room, rooms } from "./rooms.ts";

/** The entry whose name is the longest beginning of the path. */
export function longestMatch<T extends { readonly name: string }>(
  entries: readonly T[],
  path: string,
): T | undefined {
  return entries
    .filter(({ name }) => path === name || path.startsWith(`${name}/`))
    .sort((left, right) => right.name.length - left.name.length)[0];
}

export function matches(target: string, patterns: readonly string[]): boolean {
  return patterns.some((pattern) =>
    pattern.endsWith("*") ? target.startsWith(pattern.slice(0, -1)) : target === pattern,
  );
}

/** How the table calls what an import means. */
function targetsOf(one: Import): readonly string[] {
  const path = targetPath(one);
  if (path !== undefined) return [longestMatch(rooms, path)?.name ?? path];
  const name = packageOf(one.specifier);
  if (name === undefined) return [one.specifier];
  if (name === "@finial/sdk") return [one.specifier];
  return name.startsWith("@finial/") ? [name] : [name, `external:${name}`];
}

function isAllowed(room: Room, one: Import): boolean {
  const targets = targetsOf(one);
  if (targets.some((target) => matches(target, room.never ?? []))) return false;
  const path = targetPath(one);
  const folder = packageFolder(one.file);
  // A path never leads out of its package, and always to its neighbours.
  if (path !== undefined && packageFolder(path) !== folder) return false;
  if (path !== undefined && targets[0] === room.name) return true;
  return targets.some((target) => matches(target, room.may));
}

/** What a room's tests need besides: all of their own package, and what tests are made of. */
function isAllowedInTest(room: Room, one: Import): boolean {
  const path = targetPath(one);
  if (path !== undefined)
    return packageFolder(path) === packageFolder(one.file) || path.startsWith("scripts/");
  const name = packageOf(one.specifier);
  if (name === undefined || !name.startsWith("@finial/") || one.specifier === "@finial/sdk/testing")
    return true;
  const inPackage = rooms.filter(({ name }) => packageFolder(`${name}/x`) === packageFolder(one.file));
  return [room, ...inPackage].some((each) => isAllowed(each, one));
}

/** A test, or what tests share: a fake, or what lies in a plugin's `testing`. */
export function isTest(file: string): boolean {
  return (
    file.endsWith(".test.ts") ||
    /^(test|bench)\/|^plugins\/.*\/src\/testing\/|\/(\w+-)?fake-[\w-]+\.ts$/.test(file)
  );
}

/** server.ts and agent.ts, the compositions, and what configures them are for run.ts only. */
function isComposition({ file, specifier }: Import): boolean {
  return (
    /^core\/src\/cli\/(server|agent)\/run\.ts$/.test(file) &&
    /\/(server\/(server|config)|agent\/(agent|config))\.ts$/.test(specifier)
  );
}

/** What is wrong with an import, to be read; undefined when nothing is. */
export function objectionTo(one: Import): string | undefined {
  const room = longestMatch(rooms, one.file);
  if (room === undefined) return `${one.file} is in no room of the table.`;
  const target = targetPath(one);
  if (target !== undefined && isTest(target) && !isTest(one.file) && !one.file.startsWith("sdk/src/testing/"))
    return `${one.file} imports ${one.specifier}, which is for tests.`;
  const allowed = isTest(one.file) ? isAllowedInTest(room, one) : isAllowed(room, one);
  if (allowed || isComposition(one)) return undefined;
  return `${one.file} imports ${one.specifier}. ${room.sentence}`;
}
