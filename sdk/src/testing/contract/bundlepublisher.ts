import assert from "node:assert/strict";
import { BundlePublisherDefinition } from "@finial/proto/plugin/server/bundlepublisher/v1/bundlepublisher";
import type { Bundle } from "../../spiffe/bundle.ts";
import { Code } from "../../status/code.ts";
import type { LoadedPlugin } from "../load-plugin.ts";
import { testCa } from "../test-ca.ts";
import { configurationContract } from "./configuration.ts";
import { toPluginBundle } from "./plugin-bundle.ts";
import { refusalOf } from "./refusal.ts";
import { describe, it } from "./suite.ts";

export interface BundlePublisherContract {
  /** A fresh, configured plugin, and a look at what it has published, where that can be had. */
  readonly load: () => Promise<{
    readonly plugin: LoadedPlugin;
    readonly isPublished?: (bundle: Bundle) => Promise<boolean>;
  }>;
}

/** What every BundlePublisher must do, as tests of the running file. */
export function bundlePublisherContract({ load }: BundlePublisherContract): void {
  configurationContract(async () => (await load()).plugin);

  describe("the BundlePublisher contract", () => {
    it("publishes a bundle, the same one again, and another in its place", async () => {
      const { plugin, isPublished } = await load();
      await using _ = plugin;
      const publisher = plugin.client(BundlePublisherDefinition);
      const publish = async (bundle: Bundle): Promise<void> => {
        await publisher.publishBundle({ bundle: toPluginBundle(bundle) });
        assert.ok((await isPublished?.(bundle)) ?? true, "it is not published");
      };
      const { bundle } = await testCa();
      const { bundle: next } = await testCa();
      await publish(bundle);
      await publish(bundle);
      await publish(next);
      assert.ok(!(await isPublished?.(bundle)), "the old one is still published");
    });

    it("refuses to publish nothing", async () => {
      const { plugin } = await load();
      await using _ = plugin;
      const { code } = await refusalOf(plugin.client(BundlePublisherDefinition).publishBundle({}));
      assert.equal(code, Code.InvalidArgument);
    });
  });
}
