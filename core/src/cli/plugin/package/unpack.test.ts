import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { gzipSync } from "node:zlib";
import fc from "fast-check";
import { Header } from "tar";
import { unpack } from "./unpack.ts";

interface Entry {
  readonly path: string;
  readonly content?: string;
  readonly mode?: number;
  readonly type?: "File" | "Directory" | "SymbolicLink" | "Link" | "CharacterDevice" | "FIFO";
  readonly linkpath?: string;
}

/** A package as it is sent. */
function tarball(entries: readonly Entry[]): Buffer {
  const blocks = entries.flatMap(({ path, content = "", mode = 0o644, type = "File", linkpath }) => {
    const body = Buffer.from(content);
    const head = Buffer.alloc(512);
    const header = new Header();
    Object.assign(header, { path, mode, size: body.length, linkpath, mtime: new Date(0), uid: 0, gid: 0 });
    header.type = type;
    header.encode(head, 0);
    return [head, body, Buffer.alloc((512 - (body.length % 512)) % 512)];
  });
  return gzipSync(Buffer.concat([...blocks, Buffer.alloc(1024)]));
}

async function refuses(entries: readonly Entry[], why: string): Promise<void> {
  const first = { path: "package/plugin.json", content: "{}" };
  await assert.rejects(unpack(tarball([first, ...entries]), "@vendor/name@1.2.3"), {
    code: 9,
    reason: "PLUGIN_PACKAGE",
    message: `@vendor/name@1.2.3: ${why}`,
  });
}

describe("unpack()", () => {
  it("gives each file's bytes, and which of them are executable", async () => {
    const { tree, contents } = await unpack(
      tarball([
        { path: "package/", type: "Directory", mode: 0o755 },
        { path: "package/plugin.json", content: "{}" },
        { path: "package/bin/run", content: "#!", mode: 0o755 },
        { path: "package/empty" },
      ]),
      "x@1.0.0",
    );
    assert.deepEqual(
      tree.files.map(({ path, size, executable }) => [path, size, executable]),
      [
        ["bin/run", 2, true],
        ["empty", 0, false],
        ["plugin.json", 2, false],
      ],
    );
    assert.equal(contents.get("bin/run")?.toString(), "#!");
    assert.equal(contents.get("empty")?.length, 0);
  });

  const only = "a plugin's package has regular files only";
  for (const [what, entry, why] of [
    [
      "a symbolic link",
      { path: "package/l", type: "SymbolicLink", linkpath: "/etc/passwd" },
      `"package/l" is a SymbolicLink; ${only}`,
    ],
    [
      "a hard link",
      { path: "package/l", type: "Link", linkpath: "package/plugin.json" },
      `"package/l" is a Link; ${only}`,
    ],
    ["a device", { path: "package/d", type: "CharacterDevice" }, `"package/d" is a CharacterDevice; ${only}`],
    ["a pipe", { path: "package/p", type: "FIFO" }, `"package/p" is a FIFO; ${only}`],
    [
      "a program that runs as its group",
      { path: "package/r", mode: 0o2755 },
      '"package/r" has the mode 2755: it would run as somebody else, or be kept by others',
    ],
    [
      "a file that its group can write",
      { path: "package/w", mode: 0o664 },
      '"package/w" has the mode 0664: it can be written by others than its owner',
    ],
    [
      "a file beside the folder",
      { path: "other/f" },
      '"other/f" is not in the folder that the rest of the package is in',
    ],
    [
      "an absolute path",
      { path: "/etc/cron.d/f" },
      '"/etc/cron.d/f" is not in the folder that the rest of the package is in',
    ],
    ["a path that leads out", { path: "package/../../f" }, '"../../f" leads out of the package'],
    ["a path with a dot step", { path: "package/./f" }, '"./f" has an empty step'],
    ["a file twice", { path: "package/plugin.json", content: "[]" }, '"plugin.json" is there twice'],
    [
      "a file below a file",
      { path: "package/plugin.json/f" },
      '"plugin.json" is a file, and the folder of plugin.json/f',
    ],
  ] as const satisfies readonly (readonly [string, Entry, string])[])
    it(`refuses ${what}`, async () => refuses([entry], why));

  it("refuses more than it should take", async () => {
    const entries = ["a", "b", "c"].map((name) => ({ path: `package/${name}`, content: "xxxx" }));
    await assert.rejects(unpack(tarball(entries), "x@1.0.0", { files: 2, bytes: 100 }), {
      message: "x@1.0.0: it has more than 2 files",
    });
    await assert.rejects(unpack(tarball(entries), "x@1.0.0", { files: 9, bytes: 11 }), {
      message: "x@1.0.0: it has more than 11 bytes",
    });
  });

  it("refuses what is cut off, or is no package, without an end to wait for", async () => {
    const whole = tarball([{ path: "package/plugin.json", content: "x".repeat(5_000) }]);
    for (const bytes of [whole.subarray(0, whole.length / 2), Buffer.from("no package"), Buffer.alloc(0)]) {
      const result = await Promise.race([
        unpack(bytes, "x@1.0.0").then(
          ({ tree }) => tree.files.length,
          ({ reason }: { readonly reason: string }) => reason,
        ),
        new Promise((resolve) => setTimeout(resolve, 5_000, "it waits")),
      ]);
      assert.equal(result, "PLUGIN_PACKAGE");
    }
  });

  it("gives the package, or refuses it, whatever byte is another", async () => {
    const whole = tarball([{ path: "package/plugin.json", content: "{}" }]);
    await fc.assert(
      fc.asyncProperty(fc.nat(whole.length - 1), fc.integer({ min: 1, max: 255 }), async (at, bits) => {
        const changed = Buffer.from(whole);
        changed[at] = (changed[at] ?? 0) ^ bits;
        await unpack(changed, "x@1.0.0").catch((error: unknown) => {
          assert.equal((error as { readonly reason?: string }).reason, "PLUGIN_PACKAGE");
        });
      }),
      { numRuns: 300 },
    );
  });
});
