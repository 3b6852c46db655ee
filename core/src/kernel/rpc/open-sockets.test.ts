import assert from "node:assert/strict";
import { Socket } from "node:net";
import { describe, it } from "node:test";
import { OpenSockets } from "./open-sockets.ts";

describe("OpenSockets", () => {
  it("is empty at once when it has no socket, else when the last has closed", async () => {
    const sockets = new OpenSockets();
    await sockets.empty();
    const [one, other] = [new Socket(), new Socket()];
    sockets.add(one);
    sockets.add(other);
    let isEmpty = false;
    const waiting = Promise.all([sockets.empty(), sockets.empty()]).then(() => {
      isEmpty = true;
    });
    one.destroy();
    await new Promise((resolve) => setImmediate(resolve));
    assert.equal(isEmpty, false);
    sockets.destroy();
    await waiting;
    assert.ok(other.destroyed);
    await sockets.empty();
  });
});
