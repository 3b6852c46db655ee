import {
  KeyRing,
  keyManagerService,
  loadKeysFile,
  saveKeysFile,
  signStream,
} from "@finial/plugin-common-keymanager";
import { definePlugin, extend, type Plugin } from "@finial/sdk";
import { KeyManager, SignerDefinition } from "@finial/sdk/server";
import { parseConfig } from "./config.ts";

/** KeyManager "disk": keys in a file of SPIRE's format, read once, written whole at each new key. */
export const plugin: Plugin = definePlugin({
  type: KeyManager,
  name: "disk",
  extensions: [SignerDefinition],
  parseConfig,
  open: () => {
    let keys: KeyRing | undefined;
    let keysPath = "";
    const ring = (): KeyRing => keys ?? new KeyRing();
    return {
      configure: async (config) => {
        const stored = keys === undefined ? await loadKeysFile(config.keysPath) : [];
        // A later configuration, be it one that overtook this, moves the file; the keys in memory stay the ones in use, as in
        // SPIRE.
        keys ??= new KeyRing(stored, (entries) => saveKeysFile(keysPath, entries));
        keysPath = config.keysPath;
      },
      service: keyManagerService(ring),
      extensions: [extend(SignerDefinition, { sign: (requests) => signStream(ring, requests) })],
    };
  },
});
