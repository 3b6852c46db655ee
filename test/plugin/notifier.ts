import { definePlugin, type Plugin } from "@finial/sdk";
import { Notifier } from "@finial/sdk/server";
import { PluginRecord, parseConfig } from "./record.ts";

/** Writes down what bundle it hears of. */
export const notifier: Plugin = definePlugin({
  type: Notifier,
  name: "matrix",
  parseConfig,
  open: (host) => {
    const record = new PluginRecord(host);
    return {
      configure: (config) => record.configure(config),
      close: () => record.close(),
      service: {
        notify: ({ event }) => {
          const bundle = event?.value.bundle;
          record.asked("Notify", bundle?.trustDomain, bundle?.x509Authorities.length);
          return {};
        },
        notifyAndAdvise: ({ event }) => {
          const bundle = event?.value.bundle;
          record.asked("NotifyAndAdvise", bundle?.trustDomain, bundle?.x509Authorities.length);
          return {};
        },
      },
    };
  },
});
