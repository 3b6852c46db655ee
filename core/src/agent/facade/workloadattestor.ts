import type { Selector } from "@finial/sdk/spiffe";

/** What the agent asks of a WorkloadAttestor. The selector type is the plugin's name. */
export interface WorkloadAttestor {
  readonly name: string;
  /** No selectors: not its kind of workload. Throws when it is, but not all selectors could be read. */
  attest(pid: number, options: { readonly signal: AbortSignal }): Promise<readonly Selector[]>;
}
