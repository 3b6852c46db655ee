import { readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import { root } from "./package-json.ts";
import { run } from "./run.ts";

/** When the sources were last changed, so that a release made of them later is the same. */
export function sourceTime(): Date {
  const seconds =
    process.env.SOURCE_DATE_EPOCH ?? run(["git", "log", "-1", "--format=%ct"], { cwd: root }).trim();
  return new Date(Number(seconds) * 1000);
}

/**
 * Archives a folder as `NAME.tar.gz` beside it, with fixed order, times, owners and modes: the same files give the same bytes.
 *
 * @returns the archive's name.
 */
export function archive(parent: string, name: string, time: Date): string {
  const tar = join(parent, `${name}.tar`);
  const fixed = [
    "--format=ustar",
    "--sort=name",
    `--mtime=@${time.getTime() / 1000}`,
    "--owner=0",
    "--group=0",
    "--numeric-owner",
    "--mode=u=rwX,go=rX",
  ];
  run(["tar", ...fixed, "-cf", tar, name], { cwd: parent });
  writeFileSync(`${tar}.gz`, gzipSync(readFileSync(tar), { level: 9 }));
  rmSync(tar);
  return `${name}.tar.gz`;
}
