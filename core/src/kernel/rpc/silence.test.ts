import assert from "node:assert/strict";
import { once } from "node:events";
import { connect, createServer, type Socket } from "node:net";
import { describe, it } from "node:test";
import { closeWhenSilent } from "./silence.ts";

describe("closeWhenSilent()", () => {
  it("closes a connection that says nothing more, and leaves one alone that does", async () => {
    await using server = createServer().listen(0, "127.0.0.1");
    await once(server, "listening");
    const { port } = server.address() as { port: number };
    const open = async (): Promise<{ readonly near: Socket; readonly far: Socket }> => {
      const far = connect(port, "127.0.0.1");
      const [near] = (await once(server, "connection")) as [Socket];
      near.resume();
      return { near, far };
    };
    const mute = await open();
    const before = await open();
    before.far.write("early");
    while (before.near.bytesRead === 0) await new Promise((resolve) => setImmediate(resolve));
    const talking = await open();
    for (const { near } of [mute, before, talking]) closeWhenSilent(near, 50);
    talking.far.write("late");
    await Promise.all([once(mute.near, "close"), once(before.near, "close")]);
    // Its time was over, too: its timer was set last of the three, with nothing in between.
    await new Promise((resolve) => setTimeout(resolve, 20));
    assert.equal(talking.near.destroyed, false);
    talking.far.destroy();
    await once(talking.near, "close");
  });
});
