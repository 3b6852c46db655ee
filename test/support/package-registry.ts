import { createHash } from "node:crypto";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { Daemon } from "./daemon.ts";
import { eventually } from "./eventually.ts";
import { freePort } from "./ports.ts";

/** A server of npm packages on loopback, which anybody may publish to and which asks no other. */
export class PackageRegistryServer implements AsyncDisposable {
  readonly url: string;
  readonly #folder: string;
  readonly #daemon: Daemon;

  private constructor(url: string, folder: string, daemon: Daemon) {
    this.url = url;
    this.#folder = folder;
    this.#daemon = daemon;
  }

  static async start(): Promise<PackageRegistryServer> {
    const folder = mkdtempSync(join(tmpdir(), "finial-verdaccio-"));
    const port = await freePort();
    const url = `http://127.0.0.1:${port}/`;
    const config = join(folder, "config.yaml");
    writeFileSync(config, configuration(folder));
    const manifest = createRequire(import.meta.url).resolve("verdaccio/package.json");
    const program = join(dirname(manifest), "bin", "verdaccio");
    const daemon = Daemon.start(
      "registry",
      [process.execPath, program, "--config", config, "--listen", `127.0.0.1:${port}`],
      { logFile: join(folder, "log") },
    );
    const server = new PackageRegistryServer(url, folder, daemon);
    await eventually(
      async () => {
        daemon.assertRunning();
        const { ok } = await fetch(`${url}-/ping`);
        if (!ok) throw new Error("the registry does not answer");
      },
      { timeoutMs: 60_000 },
    );
    return server;
  }

  /** As npm publishes: the package's own description, and the package as it is to be sent. */
  async publish(
    packageJson: { readonly name: string; readonly version: string; readonly [key: string]: unknown },
    tarball: Buffer,
    dist: object = {},
  ): Promise<void> {
    const { name, version } = packageJson;
    const file = `${name.split("/").at(-1)}-${version}.tgz`;
    const answer = await fetch(`${this.url}${name.replace("/", "%2f")}`, {
      method: "PUT",
      headers: { "content-type": "application/json" },
      body: JSON.stringify({
        _id: name,
        name,
        "dist-tags": { latest: version },
        versions: {
          [version]: {
            ...packageJson,
            _id: `${name}@${version}`,
            dist: {
              integrity: `sha512-${createHash("sha512").update(tarball).digest("base64")}`,
              shasum: createHash("sha1").update(tarball).digest("hex"),
              tarball: `${this.url}${name}/-/${file}`,
              ...dist,
            },
          },
        },
        _attachments: {
          [`${name}-${version}.tgz`]: {
            content_type: "application/octet-stream",
            data: tarball.toString("base64"),
            length: tarball.length,
          },
        },
      }),
    });
    if (!answer.ok) throw new Error(`publishing ${name}@${version}: ${answer.status} ${await answer.text()}`);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#daemon[Symbol.asyncDispose]();
    rmSync(this.#folder, { recursive: true, force: true });
  }
}

function configuration(folder: string): string {
  const storage = join(folder, "storage");
  mkdirSync(storage);
  return `storage: ${storage}
packages:
  "**":
    access: $all
    publish: $all
    unpublish: $all
max_body_size: 512mb
log: { type: stdout, format: pretty, level: warn }
web: { enable: false }
`;
}
