import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { resolveSocketPath } from "./socket-path.ts";

const choice = {
  given: "/run/default.sock",
  defaultPath: "/run/default.sock",
  variable: "SOCKET",
  instance: "",
};

describe("resolveSocketPath()", () => {
  for (const [title, change, env, path] of [
    ["the default", {}, {}, "/run/default.sock"],
    ["the environment before the default", {}, { SOCKET: "/run/env.sock" }, "/run/env.sock"],
    [
      "the instance before the environment",
      { instance: "a" },
      { SOCKET: "/run/env.sock", SOCKET_TEMPLATE: "/run/%i/%i.sock" },
      "/run/a/a.sock",
    ],
    [
      "the flag before the instance",
      { given: "/run/flag.sock", instance: "a" },
      { SOCKET_TEMPLATE: "/run/%i.sock" },
      "/run/flag.sock",
    ],
    ["a relative path from the working directory", { given: "here.sock" }, {}, "/work/here.sock"],
  ] as const)
    it(`takes ${title}`, () => {
      assert.equal(resolveSocketPath({ ...choice, ...change }, { env, cwd: "/work" }), path);
    });

  for (const [env, message] of [
    [{}, "you must define SOCKET_TEMPLATE to use the instance flag"],
    [{ SOCKET_TEMPLATE: "/run/x.sock" }, "failed to find %i in SOCKET_TEMPLATE"],
  ] as const)
    it(`refuses an instance with ${JSON.stringify(env)}`, () => {
      assert.throws(() => resolveSocketPath({ ...choice, instance: "a" }, { env, cwd: "/" }), { message });
    });
});
