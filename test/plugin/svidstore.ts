import { definePlugin, type Plugin } from "@finial/sdk";
import { SvidStore } from "@finial/sdk/agent";
import { Certificate, parsePrivateKeyDer } from "@finial/sdk/crypto";
import { PluginRecord, parseConfig } from "./record.ts";

/** Writes down whose SVIDs it is given, and which it is to forget. */
export const svidStore: Plugin = definePlugin({
  type: SvidStore,
  name: "matrix",
  parseConfig,
  open: (host) => {
    const record = new PluginRecord(host);
    return {
      configure: (config) => record.configure(config),
      close: () => record.close(),
      service: {
        putX509SVID: ({ svid, metadata }) => {
          record.asked("PutX509SVID", svid?.spiffeID, metadata);
          for (const der of [...(svid?.certChain ?? []), ...(svid?.bundle ?? [])]) Certificate.parse(der);
          parsePrivateKeyDer(svid?.privateKey ?? Buffer.alloc(0));
          return {};
        },
        deleteX509SVID: ({ metadata }) => {
          record.asked("DeleteX509SVID", metadata);
          return {};
        },
      },
    };
  },
});
