import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { printable, printableLine } from "./printable.ts";

describe("printable()", () => {
  it("leaves nothing that a terminal obeys, and keeps lines", () => {
    assert.equal(
      printable("plain é\n\tnext\u001b[2J\r\u009b\u202e\u007f"),
      "plain é\n\tnext\\u001b[2J\\u000d\\u009b\\u202e\\u007f",
    );
  });
});

describe("printableLine()", () => {
  it("is on one line", () => {
    assert.equal(printableLine("one\ntwo\tthree\u001b"), "one\\ntwo\\u0009three\\u001b");
  });
});
