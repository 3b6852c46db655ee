import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { parseProcessOwner } from "./process-owner.ts";

describe("parseProcessOwner()", () => {
  it("takes the effective IDs and every group", () => {
    const status =
      "Name:\tx\\nUid:\t9\t9\nUmask:\t0022\nPid:\t7\nUid:\t1\t2\t3\t4\nGid:\t5\t6\t7\t8\nGroups:\t20 30 \nNSpid:\t7\n";
    assert.deepEqual(parseProcessOwner(status), { uid: "2", gid: "6", supplementaryGids: ["20", "30"] });
  });

  it("takes a process without groups", () => {
    assert.deepEqual(parseProcessOwner("Uid:\t0\t0\t0\t0\nGid:\t0\t0\t0\t0\nGroups:\t \n"), {
      uid: "0",
      gid: "0",
      supplementaryGids: [],
    });
  });

  it("takes nothing for a status that is none", () => {
    for (const status of ["", "Uid:\t1\nGid:\t1\n", "Uid:\t1\t1\t1\t1\n"])
      assert.equal(parseProcessOwner(status), undefined);
  });
});
