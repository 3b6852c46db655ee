import { posix } from "node:path";
import { text } from "./arguments.ts";
import { type Functions, takes } from "./template-function.ts";

/** Go's path package, by sprig's names. */
export const pathFunctions: Functions = {
  base: takes(1, (value) => (text(value) === "" ? "." : posix.basename(text(value)) || "/")),
  dir: takes(1, (value) => clean(text(value).slice(0, text(value).lastIndexOf("/") + 1))),
  clean: takes(1, (value) => clean(text(value))),
  ext: takes(1, (value) => /\.[^./]*$/.exec(text(value))?.[0] ?? ""),
  isAbs: takes(1, (value) => text(value).startsWith("/")),
};

function clean(path: string): string {
  const normal = posix.normalize(path);
  return normal.length > 1 && normal.endsWith("/") ? normal.slice(0, -1) : normal;
}
