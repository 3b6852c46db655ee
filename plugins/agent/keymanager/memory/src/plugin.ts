import { exportKey, KeyRing, keyManagerService, signStream } from "@finial/plugin-common-keymanager";
import { definePlugin, extend, type Plugin } from "@finial/sdk";
import { KeyExportDefinition, KeyManager, SignerDefinition } from "@finial/sdk/agent";

/** KeyManager "memory": keys that end with the process. It takes no configuration, and ignores any. */
export const plugin: Plugin = definePlugin({
  type: KeyManager,
  name: "memory",
  extensions: [SignerDefinition, KeyExportDefinition],
  open: () => {
    const keys = new KeyRing();
    return {
      service: keyManagerService(() => keys),
      extensions: [
        extend(SignerDefinition, { sign: (requests) => signStream(() => keys, requests) }),
        extend(KeyExportDefinition, { exportKey: ({ keyId }) => exportKey(keys, keyId) }),
      ],
    };
  },
});
