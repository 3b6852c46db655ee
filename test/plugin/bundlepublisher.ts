import { definePlugin, type Plugin } from "@finial/sdk";
import { Certificate, parsePrivateKeyDer } from "@finial/sdk/crypto";
import { BundlePublisher, IdentityProviderDefinition } from "@finial/sdk/server";
import { PluginRecord, parseConfig } from "./record.ts";

/** Writes down what it is to publish, and in whose name: the server's own. */
export const bundlePublisher: Plugin = definePlugin({
  type: BundlePublisher,
  name: "matrix",
  parseConfig,
  open: (host) => {
    const record = new PluginRecord(host);
    const identity = host.service(IdentityProviderDefinition);
    return {
      configure: (config) => record.configure(config),
      close: () => record.close(),
      service: {
        publishBundle: async ({ bundle }) => {
          record.asked("PublishBundle", bundle?.trustDomain, bundle?.x509Authorities.length);
          await record.ask(
            "FetchX509Identity",
            () => identity.fetchX509Identity({}),
            (answer) => {
              const [leafDer = Buffer.alloc(0)] = answer.identity?.certChain ?? [];
              parsePrivateKeyDer(answer.identity?.privateKey ?? Buffer.alloc(0));
              return [Certificate.parse(leafDer).subjectAltName.uris[0], answer.bundle?.trustDomain];
            },
          );
          return {};
        },
      },
    };
  },
});
