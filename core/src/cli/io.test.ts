import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { connect } from "node:net";
import { describe, it } from "node:test";
import { Code, StatusError } from "@finial/sdk";
import { messageOf } from "./io.ts";

function thrownBy(work: () => unknown): unknown {
  try {
    work();
  } catch (error) {
    return error;
  }
  return assert.fail("it succeeded");
}

describe("messageOf()", () => {
  it("words the system's errors as SPIRE does", async () => {
    const missing = thrownBy(() => readFileSync("/nowhere/it's.json"));
    assert.equal(messageOf(missing), "open /nowhere/it's.json: no such file or directory");
    const directory = thrownBy(() => readFileSync("/"));
    assert.equal(messageOf(directory), "read: illegal operation on a directory");
  });

  it("leaves what it cannot take apart as it is", async () => {
    const refused = await new Promise((resolve) => connect("/nowhere/api.sock").once("error", resolve));
    assert.equal(messageOf(refused), "connect ENOENT /nowhere/api.sock");
    const status = new StatusError(Code.NotFound, "X", "EARLY: bird, worm 'x'");
    assert.equal(messageOf(status), "EARLY: bird, worm 'x'");
  });
});
