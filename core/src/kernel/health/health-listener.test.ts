import assert from "node:assert/strict";
import { once } from "node:events";
import { connect, createServer } from "node:net";
import { text } from "node:stream/consumers";
import { describe, it } from "node:test";
import { captureLog } from "@finial/sdk/testing";
import { runHealthListener } from "./health-listener.ts";

interface Listening extends AsyncDisposable {
  readonly port: number;
  readonly checks: { live: boolean; ready: boolean; details: Record<string, { error?: string }> };
}

async function listen(): Promise<Listening> {
  const stop = new AbortController();
  const checks = { live: true, ready: true, details: {} };
  const { promise, resolve } = Promise.withResolvers<number>();
  const running = runHealthListener(
    {
      address: "127.0.0.1",
      port: 0,
      livePath: "/live",
      readyPath: "/ready",
      checks,
      logger: captureLog(),
      onListening: resolve,
    },
    stop.signal,
  );
  return {
    port: await promise,
    checks,
    [Symbol.asyncDispose]: async () => {
      stop.abort();
      await running;
    },
  };
}

/** Status line and body of what comes back for bytes that need not be HTTP. */
async function send(port: number, request: string): Promise<readonly [string | undefined, string]> {
  const socket = connect(port, "127.0.0.1");
  socket.end(request);
  const [head = "", body = ""] = (await text(socket)).split("\r\n\r\n");
  return [head.split("\r\n")[0], body];
}

function get(port: number, target: string): Promise<readonly [string | undefined, string]> {
  return send(port, `GET ${target} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n`);
}

describe("runHealthListener()", () => {
  it("answers both paths as the checks are", async () => {
    await using listening = await listen();
    const { port, checks } = listening;
    const url = `http://127.0.0.1:${port}`;
    checks.details = { server: {} };
    for (const path of ["/live", "/ready", "/live?verbose=1"]) {
      const response = await fetch(url + path);
      assert.equal(response.status, 200, path);
      assert.equal(response.headers.get("content-type"), "application/json");
      assert.deepEqual(await response.json(), { server: {} });
    }
    checks.ready = false;
    checks.details = { server: { error: "no bundle" } };
    const response = await fetch(`${url}/ready`);
    assert.equal(response.status, 500);
    assert.deepEqual(await response.json(), { server: { error: "no bundle" } });
    assert.equal((await fetch(`${url}/live`)).status, 200);
    checks.live = false;
    assert.equal((await fetch(`${url}/live`)).status, 500);
  });

  it("knows no other path, and outlives what strangers ask for", async () => {
    await using listening = await listen();
    const { port } = listening;
    for (const target of ["/", "/live/", "//", "//live", "http://[", "/%", "*", "/ready/../live"])
      assert.deepEqual((await get(port, target))[0], "HTTP/1.1 404 Not Found", target);
    assert.equal((await send(port, "\x16\x03\x01\0\r\n\r\n"))[0], "HTTP/1.1 400 Bad Request");
    assert.equal((await get(port, "/live"))[0], "HTTP/1.1 200 OK");
  });

  it("ends although clients hold connections open, with half a request or none", async () => {
    const listening = await listen();
    const closed = ["", "GET /live HTTP/1.1\r\n"].map(async (begun) => {
      const socket = connect(listening.port, "127.0.0.1");
      socket.on("error", () => {});
      await once(socket, "connect");
      socket.write(begun);
      await new Promise((resolve) => socket.resume().once("close", resolve));
    });
    // Its answer comes after what came before it was read.
    await get(listening.port, "/live");
    await listening[Symbol.asyncDispose]();
    await Promise.all(closed);
  });

  it("says which address cannot be had", async () => {
    await using taken = createServer();
    taken.listen(0, "127.0.0.1");
    await once(taken, "listening");
    const { port } = taken.address() as { port: number };
    const options = {
      address: "127.0.0.1",
      port,
      livePath: "/live",
      readyPath: "/ready",
      checks: { live: true, ready: true, details: {} },
      logger: captureLog(),
    };
    await assert.rejects(runHealthListener(options, new AbortController().signal), {
      code: 9,
      reason: "ADDRESS_UNUSABLE",
      message: `cannot serve health checks on 127.0.0.1:${port}: listen EADDRINUSE: address already in use 127.0.0.1:${port}`,
    });
  });
});
