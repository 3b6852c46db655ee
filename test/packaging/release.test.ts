import assert from "node:assert/strict";
import { appendFileSync, globSync, mkdirSync, readdirSync, readFileSync, symlinkSync } from "node:fs";
import { availableParallelism } from "node:os";
import { dirname, join } from "node:path";
import { after, before, describe, it } from "node:test";
import { runCommand } from "../support/child.ts";
import { Deployment } from "../support/deployment.ts";
import { eventually } from "../support/eventually.ts";
import { listProcesses, processTree } from "../support/processes.ts";
import { Folder, onlyNode, readJson, root, runScript, succeed } from "./packaged.ts";

interface Component {
  readonly type: string;
  readonly name: string;
  readonly version: string;
  readonly "bom-ref": string;
  readonly licenses?: readonly object[];
  readonly hashes?: readonly { readonly alg: string; readonly content: string }[];
}

interface Bom {
  readonly components: readonly Component[];
  readonly dependencies: readonly { readonly ref: string; readonly dependsOn: readonly string[] }[];
}

const folder = new Folder();
const out = folder.at("out");
let name = "";
/** The unpacked archive. */
let unpacked = "";
/** The PATH that leads to Node and to nothing else. */
let path = "";

before(async () => {
  await runScript("release", out);
  name = readdirSync(out).find((file) => file.endsWith(".tar.gz")) ?? "";
  unpacked = await unpack("opt");
  path = onlyNode(folder.at("node"));
});
after(() => folder[Symbol.dispose]());

async function unpack(place: string): Promise<string> {
  mkdirSync(folder.at(place));
  succeed(await runCommand(["tar", "-xzf", join(out, name), "-C", folder.at(place)]));
  return folder.at(place, name.replace(/\.tar\.gz$/, ""));
}

/** A command of a release as it runs where only Node is. */
function command(program: string, release: string = unpacked): readonly string[] {
  return ["/usr/bin/env", "-i", `PATH=${path}`, join(release, "bin", program)];
}

function sha256Sums(file: string): ReadonlyMap<string, string> {
  const lines = readFileSync(file, "utf8").trim().split("\n");
  return new Map(lines.map((line) => [line.slice(66), line.slice(0, 64)]));
}

describe("npm run release", () => {
  it("gives checksums that sha256sum accepts, of every file", async () => {
    for (const place of [out, unpacked])
      succeed(await runCommand(["sha256sum", "--quiet", "--strict", "-c", "SHA256SUMS"], { cwd: place }));
    const files = globSync("**/*", { cwd: unpacked, withFileTypes: true }).filter((entry) => entry.isFile());
    assert.equal(sha256Sums(join(unpacked, "SHA256SUMS")).size, files.length - 1);
    assert.equal(sha256Sums(join(out, "SHA256SUMS")).size, readdirSync(out).length - 1);
  });

  it("gives the same bytes from the same sources", async () => {
    await runScript("release", folder.at("again"));
    for (const file of readdirSync(out))
      assert.ok(readFileSync(join(out, file)).equals(readFileSync(folder.at("again", file))), file);
  });

  it("puts nothing of the place it was made at into the bundles", () => {
    for (const file of globSync("**/*.{mjs,cjs,json}", { cwd: unpacked }))
      assert.ok(!readFileSync(join(unpacked, file), "utf8").includes(root), file);
  });

  it("puts each bundle's SHA-256 into the plugin's manifest", () => {
    const sums = sha256Sums(join(unpacked, "SHA256SUMS"));
    const manifests = globSync("plugins/*/*/*/plugin.json", { cwd: unpacked });
    assert.equal(manifests.length, globSync("plugins/{server,agent}/*/*/plugin.json", { cwd: root }).length);
    for (const manifest of manifests) {
      const { main, sha256 } = readJson<{ main: string; sha256: string }>(join(unpacked, manifest));
      assert.equal(sha256, sums.get(join(dirname(manifest), main)), manifest);
    }
  });

  it("has a bill of materials: each bundle, and the packages in it with licence and text", () => {
    const bom = readJson<Bom>(join(unpacked, "sbom.cdx.json"));
    const sums = sha256Sums(join(unpacked, "SHA256SUMS"));
    const bundles = bom.components.filter(({ type }) => type === "file");
    assert.deepEqual(
      bundles.map((bundle) => bundle.name).sort(),
      globSync("**/*.mjs", { cwd: unpacked }).sort(),
    );
    for (const bundle of bundles) assert.equal(bundle.hashes?.[0]?.content, sums.get(bundle.name));

    const libraries = bom.components.filter(({ type }) => type === "library");
    const notices = readFileSync(join(unpacked, "THIRD-PARTY-NOTICES.txt"), "utf8");
    for (const library of libraries) {
      assert.equal(library.licenses?.length, 1, library.name);
      assert.ok(notices.includes(`${library.name} ${library.version},`), library.name);
    }
    const refs = bom.components.map((component) => component["bom-ref"]);
    const named = bom.dependencies.flatMap(({ dependsOn }) => dependsOn);
    assert.deepEqual([...new Set(named)].sort(), refs.sort());
  });

  it("lists a package with the bundles it is in, and with no other", () => {
    const { dependencies } = readJson<Bom>(join(unpacked, "sbom.cdx.json"));
    const bundlesWith = (package_: string): readonly string[] =>
      dependencies
        .filter(({ dependsOn }) => dependsOn.some((ref) => ref.startsWith(`pkg:npm/${package_}@`)))
        .map(({ ref }) => ref)
        .sort();
    assert.deepEqual(bundlesWith("better-sqlite3"), ["plugins/server/datastore/sql/dist/plugin.mjs"]);
    assert.deepEqual(bundlesWith(`%40koromix/koffi-${process.platform}-${process.arch}`), [
      "core/dist/finial-agent.mjs",
      "core/dist/finial-server.mjs",
      "core/dist/tls-thread.mjs",
    ]);
    const withoutGrpc = ["core/dist/tls-thread.mjs"];
    assert.deepEqual(
      bundlesWith("%40grpc/grpc-js"),
      globSync("**/*.mjs", { cwd: unpacked })
        .filter((path) => !withoutGrpc.includes(path))
        .sort(),
    );
    assert.deepEqual(bundlesWith("typescript"), []);
  });

  it("has no dead link in its papers", () => {
    for (const paper of globSync("**/*.md", { cwd: unpacked }))
      for (const [, target = ""] of readFileSync(join(unpacked, paper), "utf8").matchAll(
        /\]\((?!https?:|#)([^)#]+)/g,
      ))
        assert.ok(globSync(join(unpacked, dirname(paper), target)).length > 0, `${paper}: ${target}`);
  });
});

describe("an unpacked release", () => {
  it("runs with Node alone: server, agent, and an X.509-SVID and a JWT-SVID for a workload", async () => {
    await using deployment = await Deployment.create({
      serverCommand: command("finial-server"),
      agentCommand: command("finial-agent"),
      agent: 'experimental { sync_interval = "1s" }',
    });
    const server = await deployment.startServer();
    await deployment.startAgent();
    await deployment.createEntry("/web", [`unix:uid:${process.getuid?.()}`]);
    await eventually(() => deployment.agentCliOk("api", "fetch", "x509"), { timeoutMs: 20_000 });
    const token = await deployment.agentCliOk("api", "fetch", "jwt", "-audience", "test", "-output", "json");
    assert.match(token, /"svid":/);

    const tree = [server, deployment.agent].flatMap((daemon) => processTree(daemon?.pid ?? 0));
    assert.equal(tree.length, 2 + 3 + 3);
    // Nothing of the checkout is in any of them, and the Node is the one of the PATH.
    for (const { pid, command: line } of tree) {
      const maps = readFileSync(`/proc/${pid}/maps`, "utf8");
      assert.ok(!maps.includes(root) && !line.includes(root), line);
      assert.ok(maps.includes(join(path, "node")), line);
    }
    assert.equal(threadsOf(server.pid, "libuv-worker"), availableParallelism());

    assert.deepEqual([await deployment.agent?.stop(), await server.stop()], [0, 0]);
    const pids = tree.map(({ pid }) => pid);
    assert.deepEqual(
      listProcesses().filter(({ pid }) => pids.includes(pid)),
      [],
    );
  });

  it("takes its sample configuration", async () => {
    const samples = [
      ["finial-server", "systemd/server.conf"],
      ["finial-agent", "systemd/agent.conf"],
      ["finial-server", "conf/server/server.conf"],
      ["finial-agent", "conf/agent/agent.conf"],
    ] as const;
    for (const [program, file] of samples)
      succeed(
        await runCommand([...command(program), "validate", "-config", join(unpacked, file)], {
          cwd: folder.path,
        }),
      );
  });

  it("can be called through a link", async () => {
    symlinkSync(join(unpacked, "bin", "finial-agent"), folder.at("agent-link"));
    const { status, stdout } = await runCommand([
      "/usr/bin/env",
      "-i",
      `PATH=${path}`,
      folder.at("agent-link"),
      "--version",
    ]);
    assert.deepEqual(
      [status, stdout],
      [0, `${readJson<{ version: string }>(join(root, "package.json")).version}\n`],
    );
  });

  it("says in one sentence that there is no Node, or an old one", async () => {
    const launcher = join(unpacked, "bin", "finial-server");
    const without = await runCommand([
      "/usr/bin/env",
      "-i",
      `PATH=${folder.at("out")}`,
      launcher,
      "--version",
    ]);
    assert.deepEqual(without, {
      status: 1,
      stdout: "",
      stderr: "finial-server needs Node.js 24 or later on the PATH\n",
    });
    const pretend = `Object.defineProperty(process, "versions", { value: { ...process.versions, node: "20.20.2" } });`;
    const old = await runCommand([
      join(path, "node"),
      "--import",
      `data:text/javascript,${encodeURIComponent(pretend)}`,
      join(unpacked, "core", "bin", "finial-server.cjs"),
      "--version",
    ]);
    assert.deepEqual(old, {
      status: 1,
      stdout: "",
      stderr: `finial-server needs Node.js 24 or later; ${join(path, "node")} is 20.20.2\n`,
    });
  });

  it("runs no plugin, and no native addon, that is not the one it was made with", async () => {
    const tampered = await unpack("tampered");
    const failure = async (): Promise<string> => {
      await using deployment = await Deployment.create({ serverCommand: command("finial-server", tampered) });
      await assert.rejects(deployment.startServer(), /ended with 1/);
      return deployment.server?.log ?? "";
    };
    const addon = join(
      tampered,
      "plugins/server/datastore/sql/dist",
      `better-sqlite3-${process.platform}-${process.arch}.node`,
    );
    appendFileSync(addon, "x");
    assert.match(await failure(), /better-sqlite3-\S+ is not the file that \S+plugin\.mjs was built with/);
    appendFileSync(join(tampered, "plugins/server/keymanager/disk/dist/plugin.mjs"), "//x\n");
    assert.match(await failure(), /checksums did not match for .*keymanager\/disk\/dist\/plugin\.mjs/);
  });
});

function threadsOf(pid: number, threadName: string): number {
  return readdirSync(`/proc/${pid}/task`).filter(
    (task) => readFileSync(`/proc/${pid}/task/${task}/comm`, "utf8").trim() === threadName,
  ).length;
}
