import { createHash } from "node:crypto";
import {
  chmodSync,
  existsSync,
  globSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { dirname, join, relative } from "node:path";
import { type Plugin, rolldown } from "rolldown";
import { bundledPackages } from "./bundle/bundled-packages.ts";
import { nativeAddons } from "./bundle/native-addons.ts";

const root = join(import.meta.dirname, "..");
const stamp = join(root, "node_modules", ".finial-build");
const staging = join(root, "node_modules", `.finial-build-${process.pid}`);
const sources = [
  "package-lock.json",
  "scripts/{build,bundle/*}.ts",
  "{proto,sdk,core}/{src,gen,bin}/**/*.ts",
  "plugins/*/*/{,*/}src/**/*.ts",
  "test/{plugin,faults,unruly}/*.ts",
];

interface Bundle {
  readonly input: string;
  readonly output: string;
  /** Whether it is a program of its own, as a plugin is; the cores have launchers. */
  readonly runs: boolean;
}

function bundles(): readonly Bundle[] {
  const programs = ["finial-server", "finial-agent", "finial"].map((name) => ({
    input: join(root, "core", "bin", `${name}.ts`),
    output: join(root, "core", "dist", `${name}.mjs`),
    runs: false,
  }));
  // A thread of the agent's, which Node starts from a file.
  const threads = [
    {
      input: join(root, "core", "src", "agent", "tls", "tls-thread.ts"),
      output: join(root, "core", "dist", "tls-thread.mjs"),
      runs: false,
    },
  ];
  const plugins = globSync("plugins/{server,agent}/*/*/plugin.json", { cwd: root }).map((manifest) => ({
    input: join(root, dirname(manifest), "src", "main.ts"),
    output: join(root, dirname(manifest), "dist", "plugin.mjs"),
    runs: true,
  }));
  // What a vendor's plugin would be, one with faults, and an unruly one, for the scenarios that load them.
  const vendors = ["plugin", "faults", "unruly"].map((name) => ({
    input: join(root, "test", name, "main.ts"),
    output: join(root, "test", name, "dist", "plugin.mjs"),
    runs: true,
  }));
  return [...programs, ...threads, ...plugins, ...vendors].filter(({ input }) => existsSync(input));
}

/** grpc-js loads it for channelz and ORCA, which we do not offer: a third of a bundle that never runs. */
const withoutProtoLoader: Plugin = {
  name: "without-proto-loader",
  resolveId: (id) => (id === "@grpc/proto-loader" ? { id: "\0proto-loader" } : null),
  load: (id) =>
    id === "\0proto-loader"
      ? 'export const loadSync = () => { throw new Error("not bundled: @grpc/proto-loader"); };\n'
      : null,
};

/** Builds beside, so that whoever runs from the old bundle finds it whole until the new one takes its place. */
async function build({ input, output, runs }: Bundle): Promise<void> {
  const beside = join(staging, relative(root, output));
  const addons: string[] = [];
  await using bundle = await rolldown({
    input,
    cwd: root,
    platform: "node",
    resolve: { conditionNames: ["source", "node", "import", "default"] },
    plugins: [nativeAddons(dirname(beside), (path) => addons.push(path)), withoutProtoLoader],
    checks: { eval: false },
  });
  const written = await bundle.write({
    file: beside,
    format: "esm",
    codeSplitting: false,
    ...(runs && { banner: "#!/usr/bin/env node" }),
    // Readable names in stack traces, and less to parse.
    minify: { mangle: false, compress: true, codegen: { removeWhitespace: false } },
    comments: { legal: false },
  });
  if (runs) chmodSync(beside, 0o755);
  const packages = JSON.stringify(bundledPackages(written, addons), undefined, 2);
  writeFileSync(beside.replace(/\.mjs$/, ".packages.json"), `${packages}\n`);
}

/** What the bundles were built from: paths, sizes and times, and which bundles there are. */
function fingerprint(): string {
  const hash = createHash("sha256");
  for (const path of sources.flatMap((pattern) => globSync(pattern, { cwd: root })).sort()) {
    const { size, mtimeMs } = statSync(join(root, path));
    hash.update(`${path} ${size} ${mtimeMs}\n`);
  }
  return hash.digest("hex");
}

function isCurrent(): boolean {
  if (!existsSync(stamp) || !bundles().every(({ output }) => existsSync(output))) return false;
  return readFileSync(stamp, "utf8") === fingerprint();
}

/** File by file: each is there at every moment, the old one or the new. */
function putInPlace(folder: string): void {
  const beside = join(staging, relative(root, folder));
  mkdirSync(folder, { recursive: true });
  const files = readdirSync(beside);
  for (const file of files) renameSync(join(beside, file), join(folder, file));
  for (const file of readdirSync(folder)) if (!files.includes(file)) rmSync(join(folder, file));
}

async function main(): Promise<void> {
  if (process.argv.includes("--if-stale") && isCurrent()) return;
  const before = fingerprint();
  const startedAt = performance.now();
  const all = bundles();
  try {
    for (const bundle of all) await build(bundle);
    for (const folder of new Set(all.map(({ output }) => dirname(output)))) putInPlace(folder);
  } finally {
    rmSync(staging, { recursive: true, force: true });
  }
  writeFileSync(stamp, before);
  console.log(`built ${all.length} bundles in ${((performance.now() - startedAt) / 1000).toFixed(1)} s`);
}

await main();
