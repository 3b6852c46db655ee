export { type CapturedLog, captureLog, type LogLine } from "./capture-log.ts";
export { type KeyManagerContract, keyManagerContract } from "./contract/keymanager.ts";
export { FakeClock } from "./fake-clock.ts";
export { type LoadedPlugin, type LoadOptions, loadPlugin } from "./load-plugin.ts";
export {
  signerOf,
  TestCa,
  type TestCaOptions,
  type TestCertificateOptions,
  type TestX509Svid,
  testCa,
} from "./test-ca.ts";
