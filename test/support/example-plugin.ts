import { copyFileSync, existsSync, mkdirSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { runCommand } from "./child.ts";
import { Skipped } from "./scenario.ts";

const root = join(import.meta.dirname, "..", "..");
const sources = join(root, "docs", "examples", "owner");
const built = join(root, ".finial", "examples");

/** The plugin of docs/examples/owner in one language. */
export interface Example {
  readonly language: string;
  /**
   * Builds it; what was built before makes the second time quick.
   *
   * @returns the command that runs it.
   * @throws {Skipped} where its language is not here.
   */
  readonly prepare: () => Promise<readonly string[]>;
}

export const examples: readonly Example[] = [
  {
    language: "TypeScript",
    prepare: async () => [process.execPath, "--conditions=source", join(sources, "typescript", "main.ts")],
  },
  { language: "Go", prepare: buildGo },
  { language: "Python", prepare: buildPython },
  { language: "Rust", prepare: buildRust },
];

async function buildGo(): Promise<readonly string[]> {
  const program = join(built, "owner-go");
  mkdirSync(built, { recursive: true });
  await need("go", ["go", "build", "-o", program, "."], { cwd: join(sources, "go") });
  return [program];
}

async function buildPython(): Promise<readonly string[]> {
  const folder = join(built, "python");
  const python = join(folder, "venv", "bin", "python");
  mkdirSync(folder, { recursive: true });
  if (!existsSync(python)) await need("python3", ["python3", "-m", "venv", join(folder, "venv")]);
  const requirements = join(sources, "python", "requirements.txt");
  await need("pip", [python, "-m", "pip", "install", "--quiet", "--requirement", requirements]);
  for (const file of readdirSync(join(sources, "python")).filter((name) => name.endsWith(".py")))
    copyFileSync(join(sources, "python", file), join(folder, file));
  const contracts = [
    ...["broker", "controller", "stdio"].map((name) => `goplugin/${name}.proto`),
    "plugin/service/init/v1/init.proto",
    "plugin/service/config/v1/config.proto",
    "plugin/agent/workloadattestor/v1/workloadattestor.proto",
  ];
  const generate = [`-I${join(root, "proto")}`, `--python_out=${folder}`, `--grpc_python_out=${folder}`];
  await need("grpc_tools", [python, "-m", "grpc_tools.protoc", ...generate, ...contracts]);
  return [python, join(folder, "owner.py")];
}

async function buildRust(): Promise<readonly string[]> {
  const target = join(built, "rust");
  await need("cargo", ["nice", "cargo", "build", "--quiet", "--locked"], {
    cwd: join(sources, "rust"),
    // Nobody debugs it here, and it builds sooner.
    env: {
      ...process.env,
      FINIAL_PROTO: join(root, "proto"),
      CARGO_TARGET_DIR: target,
      CARGO_PROFILE_DEV_DEBUG: "0",
    },
  });
  return [join(target, "debug", "owner")];
}

/** @throws {Skipped} with the program's last words: what it needs comes from outside. */
async function need(
  program: string,
  command: readonly string[],
  options: { readonly cwd?: string; readonly env?: NodeJS.ProcessEnv } = {},
): Promise<void> {
  const { status, stderr } = await runCommand(command, options).catch((error: NodeJS.ErrnoException) => {
    if (error.code === "ENOENT") throw new Skipped(`there is no ${program} here`);
    throw error;
  });
  if (status === 0) return;
  // As nice says it.
  if (status === 127) throw new Skipped(`there is no ${program} here`);
  const words = stderr.trim().split("\n").slice(-5).join(" / ");
  // A mistake in the example is no reason to pass over it.
  if (/^error\[E\d+\]|SyntaxError|^\S+\.go:\d+/m.test(stderr)) throw new Error(`${program}: ${words}`);
  throw new Skipped(`${program} fails: ${words}`);
}
