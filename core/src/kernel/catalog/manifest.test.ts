import assert from "node:assert/strict";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, describe, it } from "node:test";
import { Manifests } from "./manifest.ts";

const folder = mkdtempSync(join(tmpdir(), "finial-manifest-"));
after(() => rmSync(folder, { recursive: true }));

const good = {
  side: "server",
  type: "KeyManager",
  name: "disk",
  version: "1.2.3",
  services: ["spire.plugin.server.keymanager.v1.KeyManager"],
  main: "dist/plugin.mjs",
};

/** Writes a manifest where a name of a type has its own. */
function write(name: string, manifest: unknown, type = "keymanager"): string {
  const path = join(folder, "server", type, name);
  mkdirSync(path, { recursive: true });
  writeFileSync(
    join(path, "plugin.json"),
    typeof manifest === "string" ? manifest : JSON.stringify(manifest),
  );
  return path;
}

const manifests = new Manifests(folder, "server");

describe("Manifests.find()", () => {
  it("reads what a plugin's folder says of it", () => {
    const path = write("disk", { ...good, sha256: "ab", more: "is no harm" });
    assert.deepEqual(manifests.find("KeyManager", "disk"), {
      side: "server",
      type: "KeyManager",
      name: "disk",
      version: "1.2.3",
      services: good.services,
      main: join(path, "dist", "plugin.mjs"),
      sha256: "ab",
      mtls: false,
      ephemeral: false,
    });
    write("plain", { ...good, name: "plain", mtls: true, ephemeral: true });
    assert.equal(manifests.find("KeyManager", "plain")?.sha256, undefined);
    assert.equal(manifests.find("KeyManager", "plain")?.ephemeral, true);
    assert.equal(manifests.find("KeyManager", "plain")?.mtls, true);
  });

  it("knows nothing of what is not there, or is another side's", () => {
    assert.equal(manifests.find("KeyManager", "none"), undefined);
    assert.equal(manifests.find("Notifier", "disk"), undefined);
    assert.equal(new Manifests(folder, "agent").find("KeyManager", "disk"), undefined);
    assert.equal(new Manifests(join(folder, "none"), "server").find("KeyManager", "disk"), undefined);
  });

  it("is led out of its folder by no name", () => {
    write("disk", good);
    mkdirSync(join(folder, "agent", "keymanager", "x"), { recursive: true });
    for (const [type, name] of [
      ["KeyManager", "../keymanager/disk"],
      ["KeyManager", "./disk"],
      ["KeyManager", ".."],
      ["KeyManager", ""],
      ["KeyManager", "disk/"],
      ["KeyManager", "disk\0"],
      ["KeyManager", "disk\n"],
      ["../server/KeyManager", "disk"],
      [".", "keymanager/disk"],
      ["", "disk"],
    ] as const)
      assert.equal(manifests.find(type, name), undefined, JSON.stringify([type, name]));
  });

  const refusals: readonly (readonly [what: string, manifest: unknown, why: string | RegExp])[] = [
    ["no JSON", "{", /^Expected property name or '\}' in JSON at position 1/],
    ["nothing", "null", "it must be an object"],
    ["a text", '"disk"', "it must be an object"],
    ["another side", { ...good, side: "agent" }, '"side" must be "server", as the folder says, not "agent"'],
    [
      "another type",
      { ...good, type: "Notifier" },
      '"type" must be "KeyManager", as the folder says, not "Notifier"',
    ],
    [
      "a type in another case",
      { ...good, type: "keymanager" },
      '"type" must be "KeyManager", as the folder says, not "keymanager"',
    ],
    ["another name", { ...good, name: "memory" }, '"name" must be "bad", as the folder says, not "memory"'],
    ["no name", { ...good, name: undefined }, '"name" must be "bad", as the folder says, not undefined'],
    ["no version", { ...good, version: undefined }, '"version" must be a string'],
    ["a list that is none", { ...good, services: "x" }, '"services" must list full service names'],
    ["a service that is none", { ...good, services: [1] }, '"services" must list full service names'],
    ["another word for true", { ...good, mtls: 1 }, '"mtls" must be true or false'],
    ["a word for true", { ...good, ephemeral: "yes" }, '"ephemeral" must be true or false'],
    ["a checksum of another type", { ...good, sha256: 1 }, '"sha256" must be a string'],
    ...[undefined, 1, "", ".", "..", "../x.mjs", "dist/../../x.mjs", "dist/.."].map(
      (main) =>
        [
          `main ${JSON.stringify(main)}`,
          { ...good, main },
          '"main" must name a file of the plugin\'s folder',
        ] as const,
    ),
  ];
  for (const [what, manifest, why] of refusals)
    it(`refuses ${what}`, () => {
      const isGoodName = typeof manifest === "object" && (manifest as { name?: unknown }).name === "disk";
      const path = write("bad", isGoodName ? { ...(manifest as object), name: "bad" } : manifest);
      assert.throws(
        () => manifests.find("KeyManager", "bad"),
        ({ code, reason, message }: { code: number; reason: string; message: string }) => {
          assert.deepEqual([code, reason], [9, "MANIFEST"]);
          const prefix = `${path}/plugin.json: `;
          assert.ok(message.startsWith(prefix), message);
          const said = message.slice(prefix.length);
          if (typeof why === "string") assert.equal(said, why);
          else assert.match(said, why);
          return true;
        },
      );
    });

  it("takes a file within, however it is named", () => {
    for (const [main, expected] of [
      ["./dist/plugin.mjs", "dist/plugin.mjs"],
      ["..plugin.mjs", "..plugin.mjs"],
      ["/plugin.mjs", "plugin.mjs"],
    ] as const) {
      const path = write("within", { ...good, name: "within", main });
      assert.equal(manifests.find("KeyManager", "within")?.main, join(path, expected));
    }
  });
});

describe("Manifests.names()", () => {
  it("lists what there is of a type, sorted", () => {
    write("b", {}, "notifier");
    write("a", {}, "notifier");
    mkdirSync(join(folder, "server", "notifier", "no-manifest"), { recursive: true });
    assert.deepEqual(manifests.names("Notifier"), ["a", "b"]);
    assert.deepEqual(manifests.names("UpstreamAuthority"), []);
  });
});
