import assert from "node:assert/strict";
import {
  appendFileSync,
  chmodSync,
  cpSync,
  existsSync,
  globSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  writeFileSync,
} from "node:fs";
import { dirname, join } from "node:path";
import { after, before, describe, it } from "node:test";
import { rolldown } from "rolldown";
import { runCommand } from "../support/child.ts";
import { Deployment } from "../support/deployment.ts";
import { eventually } from "../support/eventually.ts";
import { Folder, layIn, readJson, root, runScript, sha256Of, succeed } from "./packaged.ts";

interface PackageJson {
  readonly name: string;
  readonly version: string;
  readonly license?: string;
  readonly exports?: Readonly<Record<string, string | Readonly<Record<string, string>>>>;
  readonly bin?: Readonly<Record<string, string>>;
  readonly files?: readonly string[];
  readonly dependencies?: Readonly<Record<string, string>>;
  readonly [key: string]: unknown;
}

const folder = new Folder();
const out = folder.at("out");
/** A project like any other, with the packages installed. */
const project = folder.at("project");
const installed = (name: string, ...path: readonly string[]): string =>
  join(project, "node_modules", name, ...path);
/** Programs find this Node, as an operator's find theirs. */
const env = {
  ...process.env,
  PATH: `${dirname(process.execPath)}:${process.env.PATH}`,
  NODE_TEST_CONTEXT: undefined,
};

before(async () => {
  await runScript("pack", out);
  mkdirSync(project);
  writeFileSync(
    join(project, "package.json"),
    JSON.stringify({ name: "project", private: true, type: "module" }),
  );
  const koffi = `@koromix/koffi-${process.platform}-${process.arch}`;
  layIn(["@bufbuild/protobuf", "@grpc/grpc-js", "@types/node", koffi], join(project, "node_modules"));
  const install = ["npm", "install", "--offline", "--ignore-scripts", "--no-audit", "--no-fund"];
  const packages = ["proto", "sdk", "core", "plugin-server-keymanager-memory"].map((name) =>
    join(out, `finial-${name}-${version}.tgz`),
  );
  succeed(await runCommand([...install, ...packages], { cwd: project }));
});
after(() => folder[Symbol.dispose]());

const { version } = readJson<PackageJson>(join(root, "package.json"));

describe("npm run pack", () => {
  const workspaces = [
    "proto",
    "sdk",
    "core",
    ...globSync("plugins/{server,agent}/*/*", { cwd: root }).sort(),
  ];

  it("packs both libraries, the core and every plugin, all of one version", () => {
    const expected = workspaces.map((workspace) => {
      const package_ = readJson<PackageJson>(join(root, workspace, "package.json"));
      assert.equal(package_.version, version, workspace);
      return `${package_.name.replace("@", "").replace("/", "-")}-${version}.tgz`;
    });
    assert.deepEqual(readdirSync(out).sort(), expected.sort());
  });

  it("packs what package.json names and nothing that only a checkout needs", async () => {
    for (const file of readdirSync(out)) {
      const to = folder.at("unpacked", file);
      mkdirSync(to, { recursive: true });
      succeed(await runCommand(["tar", "-xzf", join(out, file), "-C", to, "--strip-components=1"]));
      const package_ = readJson<PackageJson>(join(to, "package.json"));
      for (const key of ["devDependencies", "scripts", "private", "workspaces"])
        assert.equal(package_[key], undefined, `${file}: ${key}`);
      assert.equal(package_.license, "Apache-2.0", file);
      for (const paper of ["README.md", "LICENSE"])
        assert.ok(existsSync(join(to, paper)), `${file}: ${paper}`);
      const targets = [...Object.values(package_.exports ?? {}), package_.bin ?? {}].flatMap((target) =>
        typeof target === "string" ? [target] : Object.values(target),
      );
      for (const target of [...targets, ...(package_.files ?? [])])
        assert.ok(globSync(target, { cwd: to }).length > 0, `${file}: ${target}`);
      assert.ok(!JSON.stringify(package_.exports).includes('"source"'), file);
      // The templates are what authors begin with, tests included.
      const exclude = ["templates/**"];
      assert.deepEqual(globSync("**/*.{test.*,packages.json}", { cwd: to, exclude }), [], file);
      const dependencies = Object.keys(package_.dependencies ?? {});
      const isLibrary = ["@finial/proto", "@finial/sdk"].includes(package_.name);
      assert.equal(
        dependencies.length > 0,
        isLibrary,
        `${file}: bundles bring what they need: ${dependencies}`,
      );
    }
  });

  it("says how to pack what cannot be packed where it lies", async () => {
    const { status, stderr } = await runCommand(["npm", "pack", "--dry-run", "-w", "@finial/core"], {
      cwd: root,
      env,
    });
    assert.notEqual(status, 0);
    assert.match(stderr, /^@finial\/core is packed by "npm run pack", with the bundles it needs$/m);
  });
});

describe("a project that has installed them", () => {
  before(() => {
    const readme = readFileSync(installed("@finial/sdk", "README.md"), "utf8");
    for (const [, name = "", text = ""] of readme.matchAll(/```ts\n\/\/ (\S+)\n([\s\S]*?)```/g))
      writeFileSync(join(project, name), text);
    cpSync(join(import.meta.dirname, "consumer"), project, { recursive: true });
  });

  it("can import every door", async () => {
    const { exports } = readJson<PackageJson>(installed("@finial/sdk", "package.json"));
    const doors = Object.keys(exports ?? {}).map((door) => door.replace(/^\./, "@finial/sdk"));
    assert.equal(doors.length, 8);
    const script = [...doors, "@finial/proto/json", "@finial/proto/workload/workload"]
      .map(
        (door) =>
          `if (Object.keys(await import(${JSON.stringify(door)})).length === 0) throw new Error(${JSON.stringify(door)});`,
      )
      .join("\n");
    succeed(await runCommand([process.execPath, "--input-type=module", "-e", script], { cwd: project }));
  });

  it("gets types, in TypeScript and in JavaScript", async () => {
    const compilerOptions = {
      module: "nodenext",
      target: "es2024",
      strict: true,
      noEmit: true,
      allowJs: true,
      checkJs: true,
      allowImportingTsExtensions: true,
      types: ["node"],
    };
    const config = { compilerOptions, include: ["*.ts", "*.js"] };
    writeFileSync(join(project, "tsconfig.json"), JSON.stringify(config));
    // Without skipLibCheck: the declarations are checked, too.
    assert.equal(succeed(await runCommand([join(root, "node_modules", ".bin", "tsc"), "-p", project])), "");
  });

  it("can test its plugin with the kit", async () => {
    const test = [process.execPath, "--test", "plugin.test.ts"];
    assert.match(succeed(await runCommand(test, { cwd: project, env })), /pass [1-9]/);
  });

  it("runs its plugins, in JavaScript and bundled from TypeScript, under the installed daemons", async () => {
    const bundled = await bundle("main.ts", "nice.mjs");
    const inJavascript = join(project, "in-javascript.js");
    await using deployment = await Deployment.create({
      ...daemons,
      agent: 'experimental { sync_interval = "1s" }',
      agentPlugins: (data) => `
  KeyManager "disk" { plugin_data { directory = "${data}" } }
  NodeAttestor "join_token" { plugin_data {} }
  WorkloadAttestor "nice" { ${byCommand(bundled)} plugin_data { prefix = "is" } }
  WorkloadAttestor "in_javascript" { ${byCommand(inJavascript)} plugin_data {} }`,
      serverPlugins: (data) => `
  DataStore "sql" { plugin_data { database_type = "sqlite3" connection_string = "${data}/datastore.sqlite3" } }
  KeyManager "packed" { ${packedKeyManager()} plugin_data {} }
  NodeAttestor "join_token" { plugin_data {} }`,
    });
    await deployment.startServer();
    await deployment.startAgent();
    const nice = (await runCommand(["nice"])).stdout.trim();
    await deployment.createEntry("/web", [`nice:is:${nice}`, `in_javascript:owner:${process.getuid?.()}`]);
    const fetched = await eventually(() => deployment.agentCliOk("api", "fetch", "x509"), {
      timeoutMs: 20_000,
    });
    assert.match(fetched, /spiffe:\/\/example\.org\/web/);
    await deployment.agent?.stop();

    appendFileSync(inJavascript, "// Not what was checked.\n");
    await assert.rejects(deployment.restartAgent(), /checksums did not match for .*in-javascript\.js/);
  });

  it("is told in one sentence that its Node is too old", async () => {
    const pretend = `Object.defineProperty(process, "versions", { value: { ...process.versions, node: "18.19.0" } });`;
    const old = { ...env, NODE_OPTIONS: `--import=data:text/javascript,${encodeURIComponent(pretend)}` };
    for (const program of ["finial-server", "finial-agent", "finial"])
      assert.deepEqual(
        await runCommand([join(project, "node_modules", ".bin", program), "--version"], { env: old }),
        {
          status: 1,
          stdout: "",
          stderr: `${program} needs Node.js 24 or later; ${process.execPath} is 18.19.0\n`,
        },
      );
  });
});

const installedCommand = (program: string): readonly string[] => [
  "/usr/bin/env",
  `PATH=${env.PATH}`,
  join(project, "node_modules", ".bin", program),
];
const daemons = {
  serverCommand: installedCommand("finial-server"),
  agentCommand: installedCommand("finial-agent"),
};

function byCommand(file: string): string {
  return `plugin_cmd = "${file}" plugin_checksum = "${sha256Of(file)}"`;
}

/** As its own manifest says it. */
function packedKeyManager(): string {
  const name = "@finial/plugin-server-keymanager-memory";
  const { main, sha256 } = readJson<{ main: string; sha256: string }>(installed(name, "plugin.json"));
  return `plugin_cmd = "${installed(name, main)}" plugin_checksum = "${sha256}"`;
}

/** Makes one file of a plugin, as its author would, with the packages that are installed. */
async function bundle(source: string, to: string): Promise<string> {
  const file = join(project, to);
  await using made = await rolldown({ input: join(project, source), platform: "node", cwd: project });
  await made.write({ file, format: "esm", codeSplitting: false, banner: "#!/usr/bin/env node" });
  chmodSync(file, 0o755);
  return file;
}
