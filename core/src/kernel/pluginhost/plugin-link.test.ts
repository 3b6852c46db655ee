import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { systemClock } from "@finial/sdk";
import type { Handshake } from "@finial/sdk/internal";
import { captureLog } from "@finial/sdk/testing";
import { pluginLimits } from "./limits.ts";
import { PluginLink } from "./plugin-link.ts";

function open(handshake: Pick<Handshake, "network" | "address"> & Partial<Handshake>, logger = captureLog()) {
  return PluginLink.open(
    { certificateDer: undefined, ...handshake },
    {
      hostServicesAddress: "/nowhere",
      logger,
      clock: systemClock,
      limits: { ...pluginLimits, initMs: 5000 },
    },
  );
}

describe("PluginLink.open()", () => {
  for (const address of [
    "10.0.0.1:443",
    "example.org:443",
    "0.0.0.0:1",
    "127.0.0.1",
    "dns:///127.0.0.1:1",
    "127.0.0.1.example.org:1",
  ])
    it(`refuses to speak to ${address}`, async () => {
      await assert.rejects(open({ network: "tcp", address }), {
        code: 9,
        reason: "HANDSHAKE_ADDRESS",
        message: `failed to launch plugin: it says it listens on ${address}, which is not an address of this machine alone`,
      });
    });

  for (const address of ["127.0.0.1:1", "localhost:1", "[::1]:1"])
    it(`warns of ${address}, which every user of the machine can reach`, async () => {
      const logger = captureLog();
      await using link = await open({ network: "tcp", address }, logger);
      link.abandon();
      assert.deepEqual(logger.lines, [
        {
          level: "warn",
          message: "Plugin listens on TCP, where every user of this machine can reach it",
          fields: { address },
        },
      ]);
    });

  it("fails with the system's words for a socket that is not there", async () => {
    await using link = await open({ network: "unix", address: "/nowhere/s" });
    await assert.rejects(link.init([]), {
      code: 14,
      message: "connection error: connect ENOENT /nowhere/s",
    });
    link.abandon();
  });
});
