import assert from "node:assert/strict";
import { join } from "node:path";
import { after, before, describe, it } from "node:test";
import { HealthDefinition } from "@finial/proto/grpc/health/v1/health";
import { NotifierDefinition } from "@finial/proto/plugin/server/notifier/v1/notifier";
import { Code } from "@finial/sdk";
import { createClient, openChannel } from "@finial/sdk/internal";
import { credentials } from "@grpc/grpc-js";
import { agreeOn, Seal } from "./seal.ts";
import { makePluginFolder, type PluginFolder } from "./start-fake-plugin.ts";

/** Asks the host, whenever it is asked, where both its sockets are. */
const program = `
import { definePlugin, serve } from "@finial/sdk";
import { Notifier } from "@finial/sdk/server";
import { HealthDefinition } from "@finial/proto/grpc/health/v1/health";
await serve(definePlugin({
  type: Notifier,
  name: "fixture",
  open: (host) => ({
    service: {
      notify: async () => {
        await host.service(HealthDefinition).check({ service: "from the plugin" });
        return {};
      },
      notifyAndAdvise: () => ({}),
    },
  }),
}));
`;

describe("a sealed link", () => {
  let folder: PluginFolder;
  before(async () => {
    folder = await makePluginFolder();
  });
  after(async () => {
    await folder[Symbol.asyncDispose]();
  });

  /** A plugin of the sdk's, and what it asked the host. */
  async function start(sealed: boolean) {
    const asked: string[] = [];
    const { env } = folder.launch();
    const running = await folder.start(
      {
        ...folder.script(""),
        file: process.execPath,
        args: ["--conditions=source", "--input-type=module", "--eval", program],
        env: { ...env, KeyManager: "", Notifier: "Notifier" },
        sealed,
        lifeline: true,
      },
      {
        hostServices: [
          {
            definition: HealthDefinition,
            handlersFor: () => ({
              check: ({ service }: { service: string }) => {
                asked.push(service);
                return {};
              },
            }),
          } as never,
        ],
      },
    );
    return { running, asked };
  }

  for (const sealed of [true, false])
    it(`carries calls both ways, ${sealed ? "sealed" : "plain"}`, async () => {
      const { running, asked } = await start(sealed);
      await using _ = running;
      await createClient(NotifierDefinition, running.channel).notify({}, { deadlineMs: 10_000 });
      assert.deepEqual(asked, ["from the plugin"]);
    });

  it("is closed to others who know where its sockets are, on both ends", async () => {
    const { running, asked } = await start(true);
    await using _ = running;
    const { globSync } = await import("node:fs");
    const sockets = globSync("*/{host-*,*/s}", { cwd: folder.socketFolder });
    assert.equal(sockets.length, 2, sockets.join(" "));
    for (const socket of sockets) {
      using channel = openChannel(`unix:${join(folder.socketFolder, socket)}`, credentials.createInsecure());
      const health = createClient(HealthDefinition, channel);
      await assert.rejects(health.check({}, { deadlineMs: 3000 }), { code: Code.Unavailable });
    }
    assert.deepEqual(asked, []);
  });

  it("is agreed on by both, or there is none", async () => {
    const seal = await Seal.make(new Date());
    const certificateDer = Buffer.alloc(60);
    assert.equal(agreeOn(undefined, { certificateDer: undefined }), undefined);
    assert.throws(() => agreeOn(undefined, { certificateDer }), {
      code: Code.FailedPrecondition,
      reason: "HANDSHAKE_TLS",
      message: "the plugin insists on mutual TLS (AutoMTLS), which it was not asked for",
    });
    assert.throws(() => agreeOn(seal, { certificateDer: undefined }), {
      code: Code.FailedPrecondition,
      reason: "HANDSHAKE_TLS",
      message:
        "the plugin was asked for mutual TLS (AutoMTLS) and answered without: leave plugin_mtls out for a plugin that has none",
    });
  });
});
