export { type CapturedLog, captureLog, type LogLine } from "./capture-log.ts";
export { configurationContract } from "./contract/configuration.ts";
export { type DataStoreContract, dataStoreContract } from "./contract/datastore.ts";
export { type KeyManagerContract, keyManagerContract } from "./contract/keymanager.ts";
export {
  type AgentNodeAttestorContract,
  agentNodeAttestorContract,
  type ContractAgent,
  type ServerNodeAttestorContract,
  serverNodeAttestorContract,
} from "./contract/nodeattestor.ts";
export { type UpstreamAuthorityContract, upstreamAuthorityContract } from "./contract/upstreamauthority.ts";
export {
  type ContractWorkload,
  type WorkloadAttestorContract,
  workloadAttestorContract,
} from "./contract/workloadattestor.ts";
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
