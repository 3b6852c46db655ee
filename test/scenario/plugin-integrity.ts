import {
  chmodSync,
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { finialCommand } from "../support/binaries.ts";
import { type Finished, runCommand } from "../support/child.ts";
import { Deployment } from "../support/deployment.ts";
import { onInterruption } from "../support/interruption.ts";
import { PackageRegistryServer } from "../support/package-registry.ts";
import type { Scenario, ScenarioContext } from "../support/scenario.ts";
import { Swapper } from "../support/swapper.ts";
import { packTarball, type TarEntry } from "../support/tarball.ts";

const vendorPlugin = join(import.meta.dirname, "..", "plugin", "dist", "plugin.mjs");
const name = "@vendor/notes";
const version = "1.2.3";
const id = `${name}@${version}`;
const main = "dist/plugin.mjs";
const fileCount = 200;
const fullSwaps = 1_000;
const plainSwaps = 40;
/** Starts that run at once: as many as there are stores, or processors. */
const lanes = 2;

export const scenario: Scenario = {
  title: "Plugin packages run byte for byte as they were locked, or not at all; offline, too",
  quick: false,
  run: async (context) => {
    await using run = await IntegrityRun.open();
    await run.install(context);
    const refusedAtInstall = await run.refuseAtInstall(context);
    await run.goOffline(context);
    await run.serve(context);
    const flipped = await run.flipBytes(context);
    const swaps = await run.swapFiles(context);
    return `${flipped} of ${fileCount} flipped bytes refused with the file's name, ${swaps.evil} of ${swaps.starts} swaps got through (${swaps.refused} refused, ${swaps.good} ran what was locked${context.full ? "" : `; ${fullSwaps} with --full`}), ${refusedAtInstall} packages refused when they were to be installed, installed offline`;
  },
};

class IntegrityRun implements AsyncDisposable {
  readonly #folder: string;
  #registry: PackageRegistryServer | undefined;
  readonly #forget: () => void;

  private constructor(folder: string, registry: PackageRegistryServer) {
    this.#folder = folder;
    this.#registry = registry;
    this.#forget = onInterruption(() => this[Symbol.asyncDispose]());
  }

  static async open(): Promise<IntegrityRun> {
    const folder = mkdtempSync(join(tmpdir(), "finial-integrity-"));
    return new IntegrityRun(folder, await PackageRegistryServer.start());
  }

  get #store(): string {
    return join(this.#folder, "store");
  }

  async install({ step, say }: ScenarioContext): Promise<void> {
    const registry = this.#online();
    const source = join(this.#folder, "source");
    writePackage(source);
    // The vendor's own way: npm itself packs and publishes.
    await ok(
      await runCommand(
        [
          "npm",
          "publish",
          "--ignore-scripts",
          "--registry",
          registry.url,
          `--${registry.url.slice(5)}:_authToken=none`,
        ],
        { cwd: source },
      ),
    );
    const said = await ok(await this.#plugin("install", "-registry", registry.url, `${name}@^1.2`));
    say(said.stdout.trim());
    const [listed] = JSON.parse((await ok(await this.#plugin("list", "-output", "json"))).stdout);
    if (listed?.version !== version || listed.type !== "Notifier" || listed.provenance !== null)
      throw new Error(`listed is ${JSON.stringify(listed)}`);
    step(`a package of ${fileCount} files, published with npm, is in the store, and the lock file names it`);
  }

  /** @returns how many. */
  async refuseAtInstall({ step, say }: ScenarioContext): Promise<number> {
    const registry = this.#online();
    const before = readFileSync(join(this.#store, "plugin-lock.json"), "utf8");
    let count = 0;
    for (const [what, sentence, entries, more = {}] of unwanted) {
      const packageJson = { name: `@vendor/bad-${++count}`, version: "1.0.0", ...more };
      const tarball = packTarball([
        { path: "package/package.json", content: JSON.stringify(packageJson) },
        { path: "package/plugin.json", content: manifest(packageJson.version) },
        { path: `package/${main}`, content: "// never runs" },
        ...entries,
      ]);
      await registry.publish(packageJson, tarball);
      const refused = await this.#plugin("install", "-registry", registry.url, `${packageJson.name}@1.0.0`);
      if (refused.status !== 1 || !refused.stderr.includes(sentence))
        throw new Error(`${what}: ${refused.status} ${refused.stdout}${refused.stderr}`);
      say(`${what}: ${refused.stderr.trim()}`);
    }
    if (readFileSync(join(this.#store, "plugin-lock.json"), "utf8") !== before)
      throw new Error("a refused package changed the lock file");
    const absent = await this.#plugin("install", "-registry", registry.url, "@vendor/none@1.0.0");
    if (absent.status !== 2)
      throw new Error(`a package that is not there: ${absent.status} ${absent.stderr}`);
    step(`${count} packages are refused, each with its sentence, and the lock file stays as it was`);
    return count;
  }

  async goOffline({ step }: ScenarioContext): Promise<void> {
    const { url } = this.#online();
    await this.#registry?.[Symbol.asyncDispose]();
    this.#registry = undefined;
    await ok(await this.#plugin("install", "-registry", url));
    await ok(await this.#plugin("install", "-registry", url, id));
    await ok(await this.#plugin("verify"));
    const other = await this.#plugin("install", "-registry", url, `${name}@9.9.9`);
    if (other.status !== 2 || !other.stderr.includes("could not be asked"))
      throw new Error(`the registry should be gone: ${other.status} ${other.stderr}`);
    step("the registry is gone, and what is in the store is installed without it");
  }

  async serve({ step }: ScenarioContext): Promise<void> {
    const record = join(this.#folder, "record");
    await using deployment = await Deployment.create({
      server: `plugin_store = "${this.#store}"`,
      serverPlugins: (folder) => `
  DataStore "sql" {
    plugin_data { database_type = "sqlite3" connection_string = "${folder}/datastore.sqlite3" }
  }
  KeyManager "memory" {}
  ${notifier(record)}`,
    });
    const server = await deployment.startServer();
    if (!readFileSync(record, "utf8").includes("configure"))
      throw new Error(`the plugin was not configured:\n${server.log}`);
    step("a server runs the plugin from the store");
  }

  /** @returns how many were refused with the file's name. */
  async flipBytes({ step, say }: ScenarioContext): Promise<number> {
    const files = this.#files(this.#store);
    if (files.length !== fileCount) throw new Error(`the package has ${files.length} files`);
    const pending = [...files];
    let refused = 0;
    const startedAt = performance.now();
    await Promise.all(
      Array.from({ length: lanes }, async (_, lane) => {
        // Each with a store of its own: one damage at a time.
        const { store, config } = this.#lane(`lane-${lane}`);
        for (let path = pending.pop(); path !== undefined; path = pending.pop()) {
          const file = join(this.#packageOf(store), path);
          const restore = flipByte(file, refused);
          const result = await validate(config);
          restore();
          const sentence = `plugin package ${id}: ${file} is not what was locked: its bytes are not those that were locked`;
          if (!result.stderr.includes(sentence))
            throw new Error(`${path} was not refused: ${result.stdout}${result.stderr}`);
          refused++;
        }
        // Otherwise a daemon that refuses everything would do.
        requireRun(await validate(config));
      }),
    );
    say(`${((performance.now() - startedAt) / 1000).toFixed(1)} s; put right again, the package runs`);
    step(`one byte flipped in each of ${refused} files, one at a time: refused, with the file's name`);
    return refused;
  }

  async swapFiles({ full, step, say }: ScenarioContext) {
    const canary = join(this.#folder, "canary");
    const { store, config } = this.#lane("swapped");
    await using swapper = await Swapper.start({
      folder: this.#packageOf(store),
      file: main,
      evil: `import { appendFileSync } from "node:fs";\nappendFileSync(${JSON.stringify(canary)}, "ran\\n");\n`,
    });
    const starts = full ? fullSwaps : plainSwaps;
    let pending = starts;
    let good = 0;
    let refused = 0;
    await Promise.all(
      Array.from({ length: lanes }, async () => {
        while (pending-- > 0) {
          const result = await validate(config);
          if (result.stderr.includes(`plugin package ${id}: ${this.#packageOf(store)}`)) refused++;
          else {
            requireRun(result);
            good++;
          }
        }
      }),
    );
    const evil = existsSync(canary) ? readFileSync(canary, "utf8").split("\n").length - 1 : 0;
    if (evil > 0) throw new Error(`${evil} of ${starts} starts ran another program than was locked`);
    const swaps = await swapper.count();
    say(`${swaps} swaps of the plugin's file and of its folder during ${starts} starts`);
    if (refused === 0 || good === 0)
      throw new Error(`no swap was in time: ${good} ran and ${refused} were refused`);
    step(
      `of ${starts} starts while files are swapped, ${refused} are refused and ${good} run what was locked`,
    );
    return { starts, good, refused, evil };
  }

  /** A copy of the store, with a configuration that has this plugin alone. */
  #lane(lane: string): { readonly store: string; readonly config: string } {
    const store = join(this.#folder, lane);
    cpSync(this.#store, store, { recursive: true });
    const config = join(this.#folder, `${lane}.conf`);
    writeFileSync(
      config,
      `server {
  trust_domain = "example.org"
  data_dir = "${this.#folder}/${lane}-data"
  socket_path = "${this.#folder}/${lane}.sock"
  plugin_store = "${store}"
}
plugins {
  ${notifier(join(this.#folder, `${lane}.record`))}
}
`,
    );
    return { store, config };
  }

  #packageOf(store: string): string {
    const lock = JSON.parse(readFileSync(join(store, "plugin-lock.json"), "utf8"));
    return join(store, lock.packages[id].treeSha256, "package");
  }

  #files(store: string): readonly string[] {
    return readFileSync(join(dirname(this.#packageOf(store)), "files"), "utf8")
      .trim()
      .split("\n")
      .slice(1)
      .map((line) => line.split(" ").slice(3).join(" "));
  }

  #online(): PackageRegistryServer {
    if (this.#registry === undefined) throw new Error("the registry is gone");
    return this.#registry;
  }

  async #plugin(verb: string, ...args: readonly string[]): Promise<Finished> {
    return await runCommand([...finialCommand("finial"), "plugin", verb, "-store", this.#store, ...args], {
      cwd: this.#folder,
    });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#registry?.[Symbol.asyncDispose]();
    rmSync(this.#folder, { recursive: true, force: true });
    this.#forget();
  }
}

/** What it is about a package, what is said of it, and what it has. */
const unwanted: readonly (readonly [
  what: string,
  sentence: string,
  entries: readonly TarEntry[],
  packageJson?: object,
])[] = [
  [
    "a symbolic link",
    "is a SymbolicLink; a plugin's package has regular files only",
    [{ path: "package/link", type: "2", linkTo: "/etc/passwd" }],
  ],
  [
    "a hard link",
    "is a Link; a plugin's package has regular files only",
    [{ path: "package/link", type: "1", linkTo: "package/plugin.json" }],
  ],
  ["an absolute path", "is not in the folder that the rest", [{ path: "/tmp/outside", content: "x" }]],
  ["a path that leads out", "leads out of the package", [{ path: "package/../../outside", content: "x" }]],
  [
    "a program that runs as its owner",
    "has the mode 4755",
    [{ path: "package/run", content: "x", mode: 0o4755 }],
  ],
  [
    "a file that others can write",
    "has the mode 0666",
    [{ path: "package/open", content: "x", mode: 0o666 }],
  ],
  [
    "a dependency that it does not bring",
    "it depends on left-pad, and does not bring it",
    [],
    { dependencies: { "left-pad": "1.0.0" } },
  ],
  ["a file twice", "is there twice", [{ path: "package/plugin.json", content: manifest("1.0.0") }]],
];

function manifest(ofVersion: string): string {
  return JSON.stringify({
    side: "server",
    type: "Notifier",
    name: "notes",
    version: ofVersion,
    services: ["spire.plugin.server.notifier.v1.Notifier"],
    main,
    mtls: true,
  });
}

function writePackage(folder: string): void {
  const write = (path: string, content: string | Buffer): void => {
    mkdirSync(dirname(join(folder, path)), { recursive: true });
    writeFileSync(join(folder, path), content, { mode: 0o644 });
  };
  write(
    "package.json",
    JSON.stringify({ name, version, license: "Apache-2.0", type: "module", files: ["dist", "plugin.json"] }),
  );
  write("plugin.json", manifest(version));
  write(main, readFileSync(vendorPlugin));
  for (let index = 3; index < fileCount; index++)
    write(`dist/part-${index % 10}/module-${index}.mjs`, `export const part = ${index};\n`);
}

function notifier(record: string): string {
  return `Notifier "notes" {
    plugin_package = "${id}"
    plugin_args = ["server/Notifier"]
    plugin_data { record = "${record}" word = "kept" }
  }`;
}

async function validate(config: string): Promise<Finished> {
  return await runCommand([...finialCommand("finial-server"), "validate", "-config", config]);
}

/** The plugin has checked its part: what is wrong with the rest is that there are no other plugins. */
function requireRun({ stdout, stderr }: Finished): void {
  if (!stderr.includes("KeyManager:\n\t\tconstraint not satisfied") || stderr.includes("plugin package"))
    throw new Error(`the plugin did not run: ${stdout}${stderr}`);
}

/** @returns what puts it right again. */
function flipByte(file: string, seed: number): () => void {
  const { mode } = statSync(file);
  const bytes = readFileSync(file);
  const at = (seed * 7919) % bytes.length;
  const flipped = Buffer.from(bytes);
  flipped[at] = (bytes[at] ?? 0) ^ (1 << (seed % 8));
  const put = (content: Buffer): void => {
    chmodSync(file, 0o644);
    writeFileSync(file, content);
    chmodSync(file, mode & 0o777);
  };
  put(flipped);
  return () => put(bytes);
}

async function ok(result: Finished): Promise<Finished> {
  if (result.status !== 0) throw new Error(`ended with ${result.status}: ${result.stdout}${result.stderr}`);
  return result;
}
