import { KeyRing, keyManagerService, signStream } from "@finial/plugin-common-keymanager";
import { definePlugin, extend, type Plugin } from "@finial/sdk";
import { KeyManager, SignerDefinition } from "@finial/sdk/server";

/** KeyManager "memory": keys that end with the process. It takes no configuration, and ignores any. */
export const plugin: Plugin = definePlugin({
  type: KeyManager,
  name: "memory",
  extensions: [SignerDefinition],
  open: () => {
    const keys = new KeyRing();
    return {
      service: keyManagerService(() => keys),
      extensions: [extend(SignerDefinition, { sign: (requests) => signStream(() => keys, requests) })],
    };
  },
});
