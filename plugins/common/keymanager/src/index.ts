export { exportKey } from "./export-key.ts";
export { type KeyEntry, makeKeyEntry } from "./key-entry.ts";
export { keyManagerService } from "./key-manager-service.ts";
export { KeyRing, type SaveKeys } from "./key-ring.ts";
export { loadKeysFile, saveKeysFile } from "./keys-file.ts";
export { atomicWritePrivateFile } from "./private-file.ts";
export { signStream } from "./sign-stream.ts";
