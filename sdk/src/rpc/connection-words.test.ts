import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { connectionWords } from "./connection-words.ts";

describe("connectionWords()", () => {
  for (const [details, words] of [
    [
      "round_robin: No connection established. Last error: No connection established. Last error: Error: connect ECONNREFUSED 127.0.0.1:8081. Resolution note: ",
      "connection error: connect ECONNREFUSED 127.0.0.1:8081",
    ],
    [
      "No connection established. Last error: authentication handshake failed: x509: certificate signed by unknown authority. Resolution note: x",
      "connection error: authentication handshake failed: x509: certificate signed by unknown authority",
    ],
    ["No connection established. Last error: null", "connection error: null"],
    ["the server is starting. Last error: none", "the server is starting. Last error: none"],
    ["", ""],
  ] as const)
    it(`makes of "${details.slice(0, 50)}" what happened`, () => {
      assert.equal(connectionWords(details), words);
    });
});
