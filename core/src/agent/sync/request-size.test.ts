import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { RequestSize } from "./request-size.ts";

describe("RequestSize", () => {
  it("halves with each failure down to one, and doubles with each success up to the most", () => {
    const size = new RequestSize(500);
    const sizes = [size.current];
    for (let failure = 0; failure < 10; failure++) {
      size.failed();
      sizes.push(size.current);
    }
    assert.deepEqual(sizes, [500, 250, 125, 62, 31, 15, 7, 3, 1, 1, 1]);
    for (let success = 0; success < 8; success++) size.succeeded();
    assert.equal(size.current, 256);
    size.succeeded();
    assert.equal(size.current, 500);
  });
});
