import { NotifierDefinition } from "@finial/proto/plugin/server/notifier/v1/notifier";
import type { LoadedPlugin } from "../load-plugin.ts";
import { testCa } from "../test-ca.ts";
import { configurationContract } from "./configuration.ts";
import { offered } from "./offered.ts";
import { toPluginBundle } from "./plugin-bundle.ts";
import { describe, it } from "./suite.ts";

export interface NotifierContract {
  /** A fresh, configured plugin whose counterpart takes what it is told. */
  readonly load: () => Promise<LoadedPlugin>;
}

/** What every Notifier must do, as tests of the running file. */
export function notifierContract({ load }: NotifierContract): void {
  configurationContract(load);

  describe("the Notifier contract", () => {
    it("takes the news of a bundle, once loaded and then at each update", async () => {
      await using plugin = await load();
      const notifier = plugin.client(NotifierDefinition);
      const loaded = { bundle: toPluginBundle((await testCa()).bundle) };
      await offered(notifier.notifyAndAdvise({ event: { $case: "bundleLoaded", value: loaded } }));
      for (const updated of [loaded, { bundle: toPluginBundle((await testCa()).bundle) }])
        await offered(notifier.notify({ event: { $case: "bundleUpdated", value: updated } }));
    });

    it("passes over events that it does not know", async () => {
      await using plugin = await load();
      const notifier = plugin.client(NotifierDefinition);
      await offered(notifier.notify({}));
      await offered(notifier.notifyAndAdvise({}));
    });
  });
}
