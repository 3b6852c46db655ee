import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { Code } from "@finial/sdk";
import { joinTokenAttestor } from "./join-token.ts";

describe("joinTokenAttestor()", () => {
  it("sends the token, and has no answer to a challenge", async () => {
    const attestor = joinTokenAttestor("token");
    assert.equal(attestor.name, "join_token");
    await using aid = await attestor.startAttestation({ signal: new AbortController().signal });
    assert.deepEqual(aid.payload, Buffer.from("token"));
    await assert.rejects(aid.respond(Buffer.from("x")), {
      code: Code.Internal,
      message: "nodeattestor(join_token): server issued unexpected challenge",
    });
  });
});
