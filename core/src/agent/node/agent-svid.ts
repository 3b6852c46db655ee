import { type Clock, Code, type Logger, StatusError } from "@finial/sdk";
import type { Certificate } from "@finial/sdk/crypto";
import type { NodeAttestation } from "../api/node-attestation.ts";
import type { BundleCache } from "../cache/bundle-cache.ts";
import type { KeyManager } from "../facade/keymanager.ts";
import { Backoff } from "../sync/backoff.ts";
import { denialOf } from "../sync/denial.ts";
import type { RotationPolicy } from "../sync/rotation.ts";
import type { ServerApi } from "../sync/server-api.ts";
import { isSignedByAny } from "../sync/tainted-authorities.ts";
import { type AgentIdentity, agentIdentity } from "./agent-identity.ts";
import { agentCertificateRequest, generateAgentKey } from "./agent-key.ts";

const checkEveryMs = 5_000;

export interface AgentSvidOptions {
  readonly identity: AgentIdentity;
  readonly bundles: BundleCache;
  readonly keyManager: KeyManager;
  readonly attestation: NodeAttestation;
  readonly rotation: RotationPolicy;
  readonly clock: Clock;
  readonly logger: Logger;
  /** From 0 up to 1. */
  readonly random: () => number;
}

/** The agent's own SVID, renewed in time: by attesting again where that is possible, else by asking the server. */
export class AgentSvid {
  readonly #options: AgentSvidOptions;
  readonly #listeners = new Set<(identity: AgentIdentity) => void>();
  #identity: AgentIdentity;
  /** Because of something else than its age. */
  #mustRenew = false;

  constructor(options: AgentSvidOptions) {
    this.#options = options;
    this.#identity = options.identity;
    options.keyManager.onKeysLost((ids) => this.#loseKeys(ids));
  }

  get identity(): AgentIdentity {
    return this.#identity;
  }

  /** Told of each new identity, before anything else uses it. */
  onChange(listener: (identity: AgentIdentity) => void): void {
    this.#listeners.add(listener);
  }

  /** If one of these has signed the SVID, it is renewed at the next check. */
  taint(authorities: readonly Certificate[]): void {
    if (this.#mustRenew) return;
    this.#mustRenew = isSignedByAny(this.#identity.chainDer, authorities, this.#options.clock.now());
    if (this.#mustRenew)
      this.#options.logger.info("Agent SVID is tainted by a root authority, forcing rotation");
  }

  /** The SVID serves on for as long as its key is known here, too; the next is made with a new key. */
  #loseKeys(ids: ReadonlySet<string>): void {
    if (!ids.has(this.#identity.key.id)) return;
    this.#mustRenew = true;
    const how = this.#identity.reattestable ? "the agent attests again" : "the agent's SVID is renewed";
    this.#options.logger.warn(`Key manager came back without its keys: ${how} with a new one`, {
      keys: [...ids].join(","),
    });
  }

  /**
   * Until the signal aborts.
   *
   * @throws {StatusError} when the server denies the agent, or the SVID has expired and there is no other.
   */
  async run(api: Pick<ServerApi, "renewAgent">, signal: AbortSignal): Promise<void> {
    const { clock, random, logger } = this.#options;
    const backoff = new Backoff({ initialMs: checkEveryMs, clock, random });
    while (!signal.aborted) {
      try {
        await this.#rotateIfDue(api, signal);
        backoff.reset();
      } catch (thrown) {
        if (signal.aborted) return;
        const error = StatusError.from(thrown);
        const what = this.#identity.reattestable ? "reattest agent" : "rotate agent SVID";
        logger.error(`Could not ${what}`, { error: error.message });
        if (clock.now() > this.#identity.leaf.notAfter)
          throw error.prefixed(`current SVID has already expired and ${what} failed: `);
        if (denialOf(error) !== undefined) throw error;
      }
      await clock.sleep(backoff.next() ?? checkEveryMs, { signal });
    }
  }

  /** @throws {StatusError} FailedPrecondition `NOT_REATTESTABLE`, or what the attestation throws. */
  async reattest(signal: AbortSignal): Promise<void> {
    const { attestation, bundles, logger } = this.#options;
    if (!this.#identity.reattestable)
      throw new StatusError(
        Code.FailedPrecondition,
        "NOT_REATTESTABLE",
        "attestation method is not re-attestable",
      );
    logger.debug("Reattesting node");
    const key = await this.#newKey();
    const csrDer = await agentCertificateRequest(key);
    const { chainDer, reattestable } = await attestation.attest({ csrDer, bundle: bundles.own }, { signal });
    this.#set(await agentIdentity({ chainDer, reattestable, key }));
    logger.info("Successfully reattested node", { spiffe_id: this.#identity.spiffeId.toString() });
  }

  async #rotateIfDue(api: Pick<ServerApi, "renewAgent">, signal: AbortSignal): Promise<void> {
    const { rotation, clock, logger } = this.#options;
    if (!this.#mustRenew && !rotation.isX509SvidDue(this.#identity.leaf, clock.now())) return;
    if (this.#identity.reattestable) {
      await this.reattest(signal);
      return;
    }
    logger.debug("Rotating agent SVID");
    const key = await this.#newKey();
    const chainDer = await api.renewAgent(await agentCertificateRequest(key), { signal });
    this.#set(await agentIdentity({ chainDer, key, reattestable: false }));
    logger.info("Successfully rotated agent SVID", { spiffe_id: this.#identity.spiffeId.toString() });
  }

  #newKey(): ReturnType<typeof generateAgentKey> {
    return generateAgentKey(this.#options.keyManager, this.#identity.key);
  }

  #set(identity: AgentIdentity): void {
    this.#identity = identity;
    this.#mustRenew = false;
    for (const listener of this.#listeners) listener(identity);
  }
}
