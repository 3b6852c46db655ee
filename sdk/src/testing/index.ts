export { type CapturedLog, captureLog, type LogLine } from "./capture-log.ts";
export { type BundlePublisherContract, bundlePublisherContract } from "./contract/bundlepublisher.ts";
export { configurationContract } from "./contract/configuration.ts";
export {
  type CredentialComposerContract,
  credentialComposerContract,
} from "./contract/credentialcomposer.ts";
export { type DataStoreContract, dataStoreContract } from "./contract/datastore.ts";
export { type KeyManagerContract, keyManagerContract } from "./contract/keymanager.ts";
export {
  type AgentNodeAttestorContract,
  agentNodeAttestorContract,
  type ContractAgent,
  type ServerNodeAttestorContract,
  serverNodeAttestorContract,
} from "./contract/nodeattestor.ts";
export { type NodeResolverContract, nodeResolverContract } from "./contract/noderesolver.ts";
export { type NotifierContract, notifierContract } from "./contract/notifier.ts";
export { type ContractCase, collectContract } from "./contract/suite.ts";
export { type SvidStoreContract, svidStoreContract } from "./contract/svidstore.ts";
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
