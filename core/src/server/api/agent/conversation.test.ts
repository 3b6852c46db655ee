import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { Conversation } from "./conversation.ts";

describe("Conversation", () => {
  it("gives what was said, in order, before and while it is read, and ends with the last word", async () => {
    const conversation = new Conversation<string>();
    conversation.say("a");
    conversation.say("b");
    const heard: string[] = [];
    for await (const word of conversation) {
      heard.push(word);
      if (word === "b") {
        conversation.say("c");
        setImmediate(() => conversation.finish("d"));
      }
    }
    assert.deepEqual(heard, ["a", "b", "c", "d"]);
  });

  it("fails after what was said", async () => {
    const conversation = new Conversation<string>();
    conversation.say("a");
    conversation.fail(undefined);
    const heard: string[] = [];
    await assert.rejects(
      (async () => {
        for await (const word of conversation) heard.push(word);
      })(),
      (error) => error === undefined,
    );
    assert.deepEqual(heard, ["a"]);
  });
});
