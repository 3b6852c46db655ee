import assert from "node:assert/strict";
import { ConfigDefinition } from "@finial/proto/plugin/service/config/v1/config";
import { Code } from "../../status/code.ts";
import type { LoadedPlugin } from "../load-plugin.ts";
import { refusalOf } from "./refusal.ts";
import { describe, it } from "./suite.ts";

const unknownKey = "no_plugin_has_this_key = 1";

/**
 * What every plugin that takes a configuration must do with a wrong one, as tests of the running file.
 *
 * @param load gives a fresh, configured plugin.
 */
export function configurationContract(load: () => Promise<LoadedPlugin>): void {
  describe("the configuration contract", () => {
    it("refuses a key it does not know and text that is none, in Validate and in Configure", async () => {
      await using plugin = await load();
      if (!plugin.services.has(ConfigDefinition.fullName)) return;
      for (const text of [unknownKey, "{{{"]) {
        const notes = await plugin.validate(text);
        assert.ok(notes.length > 0, `${text} was found valid`);
        for (const note of notes) assert.notEqual(note, "");
        const { code, message } = await refusalOf(plugin.configure(text));
        assert.equal(code, Code.InvalidArgument);
        assert.ok(text !== unknownKey || message.includes("no_plugin_has_this_key"), message);
      }
    });

    it("asks for a trust domain", async () => {
      await using plugin = await load();
      if (!plugin.services.has(ConfigDefinition.fullName)) return;
      const config = plugin.client(ConfigDefinition);
      assert.equal((await refusalOf(config.configure({}))).code, Code.InvalidArgument);
      assert.equal((await config.validate({})).valid, false);
    });
  });
}
