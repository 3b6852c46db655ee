import { createHash } from "node:crypto";
import {
  copyFileSync,
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
import { createRequire } from "node:module";
import { basename, dirname, join, relative } from "node:path";
import { type Plugin, rolldown } from "rolldown";

const root = join(import.meta.dirname, "..");
const stamp = join(root, "node_modules", ".finial-build");
const staging = join(root, "node_modules", `.finial-build-${process.pid}`);
const sources = [
  "package-lock.json",
  "scripts/build.ts",
  "{proto,sdk,core}/{src,gen,bin}/**/*.ts",
  "plugins/*/*/{,*/}src/**/*.ts",
];

interface Bundle {
  readonly input: string;
  readonly output: string;
}

function bundles(): readonly Bundle[] {
  const programs = ["finial-server", "finial-agent"].map((name) => ({
    input: join(root, "core", "bin", `${name}.ts`),
    output: join(root, "core", "dist", `${name}.mjs`),
  }));
  const plugins = globSync("plugins/{server,agent}/*/*/plugin.json", { cwd: root }).map((manifest) => ({
    input: join(root, dirname(manifest), "src", "main.ts"),
    output: join(root, dirname(manifest), "dist", "plugin.mjs"),
  }));
  return [...programs, ...plugins].filter(({ input }) => existsSync(input));
}

/** Native addons lie beside the bundle that needs them: their packages look for them in ways a bundle does not have. */
function nativeAddons(folder: string): Plugin {
  const require = createRequire(join(root, "core", "package.json"));
  const platform = `${process.platform}-${process.arch}`;
  const addon = (file: string): string => {
    mkdirSync(folder, { recursive: true });
    copyFileSync(file, join(folder, basename(file)));
    // "module.exports" is what require() gives to packages that are not modules, as better-sqlite3 is none.
    return `import { createRequire } from "node:module";
const addon = createRequire(import.meta.url)("./${basename(file)}");
export { addon as default, addon as "module.exports" };
`;
  };
  return {
    name: "native-addons",
    resolveId: (id, importer) => {
      if (id === "koffi") return { id: "\0koffi" };
      if (id === "@grpc/proto-loader") return { id: "\0proto-loader" };
      if (id === "better-sqlite3" && importer !== undefined)
        return { id: createRequire(importer).resolve(`better-sqlite3/${platform}`) };
      if (id.endsWith(".node") && importer !== undefined)
        return { id: `\0addon:${createRequire(importer).resolve(id)}` };
      return null;
    },
    load: (id) => {
      // grpc-js loads it for channelz and ORCA, which we do not offer: a third of a bundle that never runs.
      if (id === "\0proto-loader")
        return 'export const loadSync = () => { throw new Error("not bundled: @grpc/proto-loader"); };\n';
      if (id === "\0koffi") {
        const package_ = dirname(require.resolve(`@koromix/koffi-${platform}`));
        return addon(join(package_, platform.replace("-", "_"), "koffi.node"));
      }
      return id.startsWith("\0addon:") ? addon(id.slice("\0addon:".length)) : null;
    },
  };
}

/** Builds beside, so that whoever runs from the old bundle finds it whole until the new one takes its place. */
async function build({ input, output }: Bundle): Promise<void> {
  const beside = join(staging, relative(root, output));
  await using bundle = await rolldown({
    input,
    platform: "node",
    resolve: { conditionNames: ["source", "node", "import", "default"] },
    plugins: [nativeAddons(dirname(beside))],
    checks: { eval: false },
  });
  await bundle.write({
    file: beside,
    format: "esm",
    codeSplitting: false,
    // Readable names in stack traces, and less to parse.
    minify: { mangle: false, compress: true, codegen: { removeWhitespace: false } },
    comments: { legal: false },
  });
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
