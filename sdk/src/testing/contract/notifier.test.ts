import { decodeConfig, string } from "../../hcl/index.ts";
import { definePlugin } from "../../plugin/define-plugin.ts";
import { Notifier } from "../../server.ts";
import { loadPlugin } from "../load-plugin.ts";
import { notifierContract } from "./notifier.ts";

/** @param advised also takes the loaded bundle, before anything is served. */
const listener = (advised: boolean) =>
  definePlugin({
    type: Notifier,
    name: "test",
    parseConfig: (text) => decodeConfig(text, { path: string() }),
    open: () => ({ service: { notify: () => ({}), ...(advised && { notifyAndAdvise: () => ({}) }) } }),
  });

for (const advised of [false, true])
  notifierContract({ load: () => loadPlugin(listener(advised), { config: "" }) });
