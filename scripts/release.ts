import { spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import {
  chmodSync,
  cpSync,
  existsSync,
  globSync,
  mkdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { basename, dirname, join } from "node:path";

const root = join(import.meta.dirname, "..");
const output = join(root, "dist", "release");
const version = String(JSON.parse(readFileSync(join(root, "package.json"), "utf8")).version);
const name = `finial-${version}-linux-${process.arch}`;

/** Launches a bundle with whatever Node (24 or later) is on the PATH; `exec` keeps the pid and the signals the daemon's. */
const launcher = (program: string): string => `#!/bin/sh
here=$(dirname -- "$(readlink -f -- "$0")")
if ! command -v node >/dev/null 2>&1; then
  echo "${program}: Node.js 24 or later must be on the PATH" >&2
  exit 1
fi
exec node "$here/../lib/${program}.mjs" "$@"
`;

function run(command: readonly string[], options: { readonly cwd: string }): string {
  const [file = "", ...args] = command;
  const result = spawnSync(file, args, { cwd: options.cwd, encoding: "utf8", maxBuffer: 64 << 20 });
  if (result.status !== 0) throw new Error(`${command.join(" ")} failed: ${result.stderr}`);
  return result.stdout;
}

/** The tree an operator unpacks: bin, lib (the cores), plugins with their manifests, sample configuration, papers. */
function layOut(folder: string): void {
  for (const program of ["finial-server", "finial-agent"]) {
    mkdirSync(join(folder, "bin"), { recursive: true });
    writeFileSync(join(folder, "bin", program), launcher(program));
    chmodSync(join(folder, "bin", program), 0o755);
  }
  cpSync(join(root, "core", "dist"), join(folder, "lib"), { recursive: true });
  for (const manifest of globSync("plugins/{server,agent}/*/*/plugin.json", { cwd: root }).sort()) {
    const from = join(root, dirname(manifest));
    const to = join(folder, dirname(manifest));
    if (!existsSync(join(from, "dist", "plugin.mjs"))) throw new Error(`${manifest}: not built`);
    mkdirSync(to, { recursive: true });
    cpSync(join(from, "dist"), join(to, "dist"), { recursive: true });
    cpSync(join(from, "plugin.json"), join(to, "plugin.json"));
    cpSync(join(from, "README.md"), join(to, "README.md"));
  }
  for (const path of ["conf", "packaging/systemd", "README.md", "LICENSE", "SECURITY.md", "CHANGELOG.md"]) {
    cpSync(join(root, path), join(folder, path.replace("packaging/", "")), {
      recursive: true,
      filter: (source) => !source.endsWith(".ts"),
    });
  }
}

function sha256Sums(folder: string, files: readonly string[]): string {
  return files
    .map(
      (file) =>
        `${createHash("sha256")
          .update(readFileSync(join(folder, file)))
          .digest("hex")}  ${file}\n`,
    )
    .join("");
}

/** Packs with fixed order, times and owners, so that the same sources give the same bytes. */
function pack(parent: string, folderName: string): string {
  const archive = `${folderName}.tar.gz`;
  const time = run(["git", "log", "-1", "--format=%ct"], { cwd: root }).trim();
  run(
    [
      "tar",
      "--sort=name",
      `--mtime=@${time}`,
      "--owner=0",
      "--group=0",
      "--numeric-owner",
      "-cf",
      `${folderName}.tar`,
      folderName,
    ],
    {
      cwd: parent,
    },
  );
  run(["gzip", "-9", "-n", "-f", `${folderName}.tar`], { cwd: parent });
  return archive;
}

run([process.execPath, "--conditions=source", join(root, "scripts", "build.ts")], { cwd: root });
rmSync(output, { recursive: true, force: true });
const folder = join(output, name);
mkdirSync(folder, { recursive: true });
layOut(folder);
const files = globSync("**/*", { cwd: folder, withFileTypes: true })
  .filter((entry) => entry.isFile())
  .map((entry) => join(entry.parentPath, entry.name).slice(folder.length + 1))
  .sort();
writeFileSync(join(folder, "SHA256SUMS"), sha256Sums(folder, files));
const archive = pack(output, name);
const sbom = `${name}.cdx.json`;
writeFileSync(
  join(output, sbom),
  run(
    [
      "npm",
      "sbom",
      "--sbom-format",
      "cyclonedx",
      "--omit",
      "dev",
      "--omit",
      "optional",
      "--package-lock-only",
    ],
    { cwd: root },
  ),
);
writeFileSync(join(output, "SHA256SUMS"), sha256Sums(output, [archive, sbom]));
rmSync(folder, { recursive: true });
console.log(`${basename(output)}: ${archive}, ${sbom}, SHA256SUMS (${files.length} files)`);
