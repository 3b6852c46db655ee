import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, describe, it } from "node:test";
import { verifyChecksum } from "./checksum.ts";

const folder = mkdtempSync(join(tmpdir(), "finial-checksum-"));
after(() => rmSync(folder, { recursive: true }));

const file = join(folder, "plugin");
writeFileSync(file, "#!/bin/sh\n");
const sha256 = createHash("sha256").update("#!/bin/sh\n").digest("hex");

describe("verifyChecksum()", () => {
  it("takes a file that is what it should be, in either case of the digits", async () => {
    await verifyChecksum(file, sha256);
    await verifyChecksum(file, sha256.toUpperCase());
  });

  const refusals: readonly [what: string, sha256: string, code: number, message: string][] = [
    ["a digit too few", sha256.slice(1), 3, "checksum is not a valid hex string"],
    ["something else", "not hex", 3, "checksum is not a valid hex string"],
    ["a prefix", `0x${sha256.slice(2)}`, 3, "checksum is not a valid hex string"],
    ["white space", `${sha256}\n`, 3, "checksum is not a valid hex string"],
    ["an octet too few", sha256.slice(2), 3, "expected checksum of length 64; got 62"],
    ["another hash's", sha256 + sha256, 3, "expected checksum of length 64; got 128"],
    ["nothing", "", 3, "expected checksum of length 64; got 0"],
    ["another file's", "0".repeat(64), 9, `failed to launch plugin: checksums did not match for "${file}"`],
  ];
  for (const [what, given, code, message] of refusals)
    it(`refuses ${what}`, async () => {
      await assert.rejects(verifyChecksum(file, given), { code, reason: "CHECKSUM", message });
    });

  it("refuses a file that cannot be read, and names another when told to", async () => {
    const none = join(folder, "none");
    await assert.rejects(verifyChecksum(none, sha256), {
      code: 9,
      reason: "CHECKSUM",
      message: `failed to launch plugin: error verifying checksum: ENOENT: no such file or directory, open '${none}'`,
    });
    await assert.rejects(verifyChecksum(file, "0".repeat(64), { named: "/opt/km" }), {
      message: 'failed to launch plugin: checksums did not match for "/opt/km"',
    });
  });
});
