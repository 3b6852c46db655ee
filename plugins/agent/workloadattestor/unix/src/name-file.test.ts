import assert from "node:assert/strict";
import { mkdtemp, rename, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, it } from "node:test";
import { NameFile, parseNames } from "./name-file.ts";

describe("parseNames()", () => {
  it("takes the first name of a number, and passes over what is no line of its own", () => {
    const text =
      "root:x:0:0::/root:/bin/sh\ntoor:x:0:0::/root:/bin/sh\n+nis:x:7:\n-nis:x:8:\n# c:x:9:\n\nnone\nbad:x:a:\nold:x:010:\n:x:11:\n";
    assert.deepEqual(
      [...parseNames(text)],
      [
        ["0", "root"],
        ["10", "old"],
      ],
    );
  });
});

describe("NameFile", () => {
  it("follows the file: changed, replaced, gone", async () => {
    const folder = await mkdtemp(join(tmpdir(), "names-"));
    await using stack = new AsyncDisposableStack();
    stack.defer(() => rm(folder, { recursive: true }));
    const path = join(folder, "passwd");
    const names = new NameFile(path);
    const nameOf = async (id: string): Promise<string | undefined> => names.read().get(id);
    assert.equal(await nameOf("1"), undefined);
    await writeFile(path, "a:x:1:\n");
    assert.equal(await nameOf("1"), "a");
    assert.equal(await nameOf("2"), undefined);
    await writeFile(`${path}.new`, "b:x:1:\n");
    await rename(`${path}.new`, path);
    assert.equal(await nameOf("1"), "b");
    await rm(path);
    assert.equal(await nameOf("1"), undefined);
  });
});
