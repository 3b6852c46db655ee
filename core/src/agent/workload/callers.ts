import type { CallContext } from "@finial/sdk";
import { formatSelector, type Selector } from "@finial/sdk/spiffe";
import type { PeerProcess } from "../../kernel/rpc/peer-credentials.ts";
import type { Peers } from "../../kernel/rpc/peers.ts";
import type { SelectorLimit } from "./selector-limit.ts";
import type { WorkloadAttestation } from "./workload-attestation.ts";

export interface CallersOptions<Method extends string> {
  readonly peers: Peers<PeerProcess>;
  readonly attestation: Pick<WorkloadAttestation, "attest">;
  readonly limits: Readonly<Record<Method, SelectorLimit>>;
  /** What methods are called in the sentence of their limit. */
  readonly prefix: string;
  /** The agent's own process, which asks after its own health: it is neither limited nor logged. */
  readonly ownPid: number;
  /** Prefixes, such as `k8s:ns`, of selectors that may be logged: others tell too much of a workload. */
  readonly logSelectors: readonly string[];
}

/** The processes that call the agent. */
export class Callers<Method extends string> {
  readonly #options: CallersOptions<Method>;

  constructor(options: CallersOptions<Method>) {
    this.#options = options;
  }

  /**
   * Attests the process that made the call, which still lives afterwards.
   *
   * @param method the one whose limit counts; absent: none does.
   * @throws {StatusError} as WorkloadAttestation, and Unavailable `RATE_LIMIT`.
   */
  readonly attest = async (context: CallContext, method?: Method): Promise<readonly Selector[]> => {
    const { peers, attestation, limits, prefix } = this.#options;
    const selectors = await attestation.attest(peers.of(context), { signal: context.signal });
    context.values.set(Callers, selectors);
    if (method !== undefined && !this.isSelf(context)) limits[method].take(`${prefix}${method}`, selectors);
    return selectors;
  };

  isSelf(context: CallContext): boolean {
    return this.#options.peers.of(context).pid === this.#options.ownPid;
  }

  /** For the log: who called, and those of its selectors that may be told, once it is attested. */
  fieldsOf(context: CallContext): { readonly pid: number; readonly selectors?: string } {
    const { pid } = this.#options.peers.of(context);
    const selectors = (context.values.get(Callers) ?? []) as readonly Selector[];
    const told = selectors.map(formatSelector).filter((text) => this.#mayLog(text));
    return { pid, ...(told.length > 0 && { selectors: told.sort().join(",") }) };
  }

  #mayLog(selector: string): boolean {
    return this.#options.logSelectors.some(
      (prefix) => selector === prefix || selector.startsWith(`${prefix}:`),
    );
  }
}
