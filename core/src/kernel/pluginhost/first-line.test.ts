import assert from "node:assert/strict";
import { describe, it } from "node:test";
import fc from "fast-check";
import { FirstLine } from "./first-line.ts";

describe("FirstLine", () => {
  it("is what comes before the first line end, however it comes, and nothing after it", async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(fc.string({ unit: fc.constantFrom("1", "|", "\n") })), async (pieces) => {
        const line = new FirstLine();
        for (const piece of pieces) line.write(piece);
        line.end();
        assert.equal(await line.found, pieces.join("").split("\n")[0]);
      }),
    );
  });

  it("is found as soon as it is there", async () => {
    const line = new FirstLine();
    line.write("1|1|unix|/s|grpc");
    const early = await Promise.race([line.found, Promise.resolve("not yet")]);
    assert.equal(early, "not yet");
    line.write("|\n");
    assert.equal(await line.found, "1|1|unix|/s|grpc|");
  });

  it("tells once of what comes after it", () => {
    let told = 0;
    const line = new FirstLine(() => told++);
    line.write("1|1|unix|/s|grpc\n");
    line.write("\n");
    assert.equal(told, 0);
    for (const piece of ["garbage", "\n", "more"]) line.write(piece);
    assert.equal(told, 1);
    new FirstLine(() => told++).write("one\ntwo");
    assert.equal(told, 2);
  });

  it("does not wait for the end of what is no line at all", async () => {
    const line = new FirstLine();
    for (let count = 0; count < 100; count++) line.write("x".repeat(1000));
    assert.equal((await line.found).length, 66_000);
  });
});
