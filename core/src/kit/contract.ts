import { spawn } from "node:child_process";
import { once } from "node:events";
import type { Logger, PluginType } from "@finial/sdk";
import {
  agentNodeAttestorContract,
  bundlePublisherContract,
  type ContractCase,
  type ContractWorkload,
  collectContract,
  credentialComposerContract,
  dataStoreContract,
  keyManagerContract,
  nodeResolverContract,
  notifierContract,
  serverNodeAttestorContract,
  svidStoreContract,
  upstreamAuthorityContract,
  workloadAttestorContract,
} from "@finial/sdk/testing";
import type { Lab } from "./lab.ts";
import { loadProcess } from "./loaded.ts";

/** What some contracts need to know of the world that the plugin is in. */
export interface ContractMaterial {
  /** What an agent of a server's NodeAttestor brings along, where its method needs no challenge. */
  readonly payload: Buffer | undefined;
  /** Where an SVIDStore is to put an SVID: selector values. */
  readonly metadata: readonly string[];
}

/** The cases of a plugin type's contract, each against a process of its own. */
export function contractCases(
  kind: PluginType,
  lab: Lab,
  { payload, metadata, logger }: ContractMaterial & { readonly logger: Logger },
): readonly ContractCase[] {
  const load = () => loadProcess(lab, logger);
  const loadAlone = async () => ({ plugin: await load() });
  const { trustDomain } = lab;
  const contracts: Readonly<Record<string, () => void>> = {
    "server DataStore": () => dataStoreContract({ load }),
    "server KeyManager": () => keyManagerContract({ side: "server", load }),
    "server NodeAttestor": () =>
      serverNodeAttestorContract({
        load,
        trustDomain,
        makeAgent: payload === undefined ? undefined : async () => ({ payload }),
      }),
    "server NodeResolver": () =>
      nodeResolverContract({
        load,
        agentId: `spiffe://${trustDomain}/spire/agent/test/1`,
        selectorValues: [],
      }),
    "server UpstreamAuthority": () => upstreamAuthorityContract({ load, trustDomain }),
    "server CredentialComposer": () => credentialComposerContract({ load }),
    "server Notifier": () => notifierContract({ load }),
    "server BundlePublisher": () => bundlePublisherContract({ load: loadAlone }),
    "agent KeyManager": () => keyManagerContract({ side: "agent", load }),
    "agent NodeAttestor": () => agentNodeAttestorContract({ load, checkPayload: () => {} }),
    "agent WorkloadAttestor": () => workloadAttestorContract({ load, startWorkload }),
    "agent SVIDStore": () => svidStoreContract({ metadata, load: loadAlone }),
  };
  const contract = contracts[`${kind.side} ${kind.name}`];
  return contract === undefined ? [] : collectContract(contract);
}

/** A process like any other: a plugin that only knows special ones has no selectors for it. */
async function startWorkload(): Promise<ContractWorkload> {
  const child = spawn("sleep", ["60"], { stdio: "ignore" });
  await once(child, "spawn");
  const exited = once(child, "exit");
  return {
    pid: child.pid ?? 0,
    selectorValues: [],
    [Symbol.asyncDispose]: async () => {
      child.kill("SIGKILL");
      await exited;
    },
  };
}
