import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, beforeEach, describe, it } from "node:test";
import { FakeSigstore } from "./fake-sigstore.ts";
import { PackageRegistry } from "./registry.ts";

const folder = mkdtempSync(join(tmpdir(), "finial-registry-test-"));
const trustedRoot = join(folder, "trusted_root.json");
const bytes = Buffer.from("a package as it is sent");
const integrity = `sha512-${createHash("sha512").update(bytes).digest("base64")}`;
const source = "https://example.org/vendor/name";
const predicateType = "https://slsa.dev/provenance/v1";
const signed = { signer: `${source}/build.yml@refs/tags/v1`, issuer: "https://issuer.example.org" };

/** What the registry answers, by path. */
const answers = new Map<string, unknown>();
let authorization: string | undefined;
let server: Server;
let url: string;
let sigstore: FakeSigstore;

before(async () => {
  sigstore = await FakeSigstore.open();
  writeFileSync(trustedRoot, JSON.stringify(sigstore.trustedRoot));
  server = createServer((request, response) => {
    authorization = request.headers.authorization;
    const answer = answers.get(request.url ?? "");
    response.statusCode = answer === undefined ? 404 : 200;
    response.end(Buffer.isBuffer(answer) ? answer : JSON.stringify(answer ?? {}));
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/`;
});
after(async () => {
  await new Promise((resolve) => server.close(resolve));
  rmSync(folder, { recursive: true });
});
beforeEach(() => answers.clear());

function offer(dist: object = {}): void {
  answers.set("/@vendor%2fname", {
    name: "@vendor/name",
    "dist-tags": { latest: "1.2.3" },
    versions: {
      "1.2.3": {
        name: "@vendor/name",
        version: "1.2.3",
        dist: { integrity, tarball: `${url}@vendor/name/-/name-1.2.3.tgz`, ...dist },
      },
    },
  });
  answers.set("/@vendor/name/-/name-1.2.3.tgz", bytes);
}

function open(): Promise<PackageRegistry> {
  return PackageRegistry.open({ env: { HOME: folder }, cwd: folder }, url);
}

async function statement(sha512: string): Promise<object> {
  const said = {
    subject: [{ name: "pkg:npm/%40vendor/name@1.2.3", digest: { sha512 } }],
    predicateType,
    predicate: { buildDefinition: { externalParameters: { workflow: { repository: source } } } },
  };
  return { attestations: [{ predicateType, bundle: await sigstore.sign(said, signed) }] };
}

describe("PackageRegistry", () => {
  it("asks the registry that npm's own configuration names for a scope, and goes with its token", async () => {
    offer();
    writeFileSync(
      join(folder, ".npmrc"),
      `@vendor:registry=${url}\n${url.slice("http:".length)}:_authToken=letmein\n`,
    );
    using registry = await PackageRegistry.open({ env: { HOME: folder }, cwd: folder }, "");
    assert.equal((await registry.resolve("@vendor/name@^1")).version, "1.2.3");
    assert.equal(authorization, "Bearer letmein");
    rmSync(join(folder, ".npmrc"));
  });

  it("fetches what was published, and refuses anything else", async () => {
    offer();
    using registry = await open();
    const published = await registry.resolve("@vendor/name");
    assert.deepEqual(published, {
      name: "@vendor/name",
      version: "1.2.3",
      integrity,
      attestationsUrl: undefined,
    });
    assert.ok(bytes.equals(await registry.fetch(published, integrity)));
    answers.set("/@vendor/name/-/name-1.2.3.tgz", Buffer.from("something else"));
    using other = await open();
    await assert.rejects(other.fetch(published, integrity), { code: 9, reason: "PLUGIN_PACKAGE" });
  });

  it("refuses a package without a SHA-512", async () => {
    offer({ integrity: `sha1-${Buffer.alloc(20).toString("base64")}` });
    using registry = await open();
    await assert.rejects(registry.resolve("@vendor/name"), {
      code: 9,
      message:
        "@vendor/name@1.2.3: the registry has no SHA-512 of it, so what it sends cannot be verified; it has to be published anew",
    });
  });

  it("verifies the provenance that the registry has, by way of this registry", async () => {
    offer({ attestations: { url: "https://elsewhere.example.org/-/npm/v1/attestations/name" } });
    answers.set(
      "/-/npm/v1/attestations/name",
      await statement(createHash("sha512").update(bytes).digest("hex")),
    );
    using registry = await open();
    const published = await registry.resolve("@vendor/name@1.2.3");
    assert.deepEqual(await registry.provenanceOf(published, trustedRoot), { ...signed, source });
    answers.set("/-/npm/v1/attestations/name", await statement("00".repeat(64)));
    using again = await open();
    await assert.rejects(again.provenanceOf(published, trustedRoot), {
      reason: "PLUGIN_PROVENANCE",
      message: "the provenance of @vendor/name@1.2.3 does not hold: it speaks of other bytes",
    });
  });

  it("refuses a package whose provenance is announced and not there", async () => {
    offer({ attestations: { url: "https://elsewhere.example.org/-/npm/v1/attestations/name" } });
    using registry = await open();
    const published = await registry.resolve("@vendor/name@1.2.3");
    await assert.rejects(registry.provenanceOf(published, trustedRoot), { reason: "PLUGIN_REGISTRY" });
    answers.set("/-/npm/v1/attestations/name", { attestations: "none" });
    using again = await open();
    await assert.rejects(again.provenanceOf(published, trustedRoot), {
      message: "@vendor/name@1.2.3: the registry's attestations are no list",
    });
  });
});
