import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { Code } from "../status/code.ts";
import { workloadApiTarget } from "./workload-api-target.ts";

describe("workloadApiTarget()", () => {
  it("takes sockets and addresses", () => {
    for (const [address, target] of [
      ["unix:///run/agent.sock", "unix:/run/agent.sock"],
      ["unix:/run/agent.sock", "unix:/run/agent.sock"],
      ["unix:///run/with%20space", "unix:/run/with space"],
      ["tcp://127.0.0.1:8000", "dns:///127.0.0.1:8000"],
      ["tcp://[::1]:8000", "dns:///[::1]:8000"],
    ] as const)
      assert.equal(workloadApiTarget(address), target);
  });

  it("refuses everything else", () => {
    const scheme = 'workload endpoint socket URI must have a "tcp" or "unix" scheme';
    const unix = "workload endpoint unix socket URI must";
    const tcp = "workload endpoint tcp socket URI";
    for (const [address, message] of [
      ["/run/agent.sock", scheme],
      ["", scheme],
      ["unix:///run/%ff", "workload endpoint socket is not a valid URI"],
      ["http://127.0.0.1:80", scheme],
      ["unix:run", `${unix} not be opaque`],
      ["unix://", `${unix} include a path`],
      ["unix://host/run", `${unix} not include a host`],
      ["unix:///run?a=b", `${unix} not include query values`],
      ["unix:///run#a", `${unix} not include a fragment`],
      ["tcp://", `${tcp} must include a host`],
      ["tcp://u@127.0.0.1:80", `${tcp} must not include user info`],
      ["tcp://127.0.0.1:80/x", `${tcp} must not include a path`],
      ["tcp://127.0.0.1:80?a", `${tcp} must not include query values`],
      ["tcp://127.0.0.1:80#a", `${tcp} must not include a fragment`],
      ["tcp://localhost:80", `${tcp} host component must be an IP:port`],
      ["tcp://127.0.0.1", `${tcp} host component must include a port`],
    ] as const)
      assert.throws(() => workloadApiTarget(address), { code: Code.InvalidArgument, message }, address);
  });
});
