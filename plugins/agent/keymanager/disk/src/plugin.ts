import { join } from "node:path";
import {
  exportKey,
  KeyRing,
  keyManagerService,
  loadKeysFile,
  saveKeysFile,
  signStream,
} from "@finial/plugin-common-keymanager";
import { definePlugin, extend, type Plugin } from "@finial/sdk";
import { KeyExportDefinition, KeyManager, SignerDefinition } from "@finial/sdk/agent";
import { parseConfig } from "./config.ts";
import { openDirectory } from "./directory.ts";

/** KeyManager "disk": keys in `keys.json` of SPIRE's format, read once, written whole at each new key. */
export const plugin: Plugin = definePlugin({
  type: KeyManager,
  name: "disk",
  extensions: [SignerDefinition, KeyExportDefinition],
  parseConfig,
  open: () => {
    let keys: KeyRing | undefined;
    let keysPath = "";
    const ring = (): KeyRing => keys ?? new KeyRing();
    return {
      configure: async ({ directory }) => {
        await openDirectory(directory);
        const path = join(directory, "keys.json");
        const stored = keys === undefined ? await loadKeysFile(path) : [];
        // A later configuration, be it one that overtook this, moves the file; the keys in memory stay the ones in use, as in
        // SPIRE.
        keys ??= new KeyRing(stored, (entries) => saveKeysFile(keysPath, entries));
        keysPath = path;
      },
      service: keyManagerService(ring),
      extensions: [
        extend(SignerDefinition, { sign: (requests) => signStream(ring, requests) }),
        extend(KeyExportDefinition, { exportKey: ({ keyId }) => exportKey(ring(), keyId) }),
      ],
    };
  },
});
