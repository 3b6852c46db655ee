import { type Logger, StatusError } from "@finial/sdk";
import { runTogether } from "../../kernel/lifecycle/run-together.ts";
import type { AgentSurroundings } from "../agent-surroundings.ts";
import { attestedServerApi } from "../api/attested-server-api.ts";
import { ServerConnection } from "../api/server-connection.ts";
import { verifyServer } from "../api/verify-server.ts";
import { JwtSvidCache } from "../cache/jwt-svid-cache.ts";
import { WorkloadCache } from "../cache/workload-cache.ts";
import type { AgentConfig } from "../config.ts";
import { answerDenial } from "../node/answer-denial.ts";
import type { AttestedAgent } from "../node/attested-agent.ts";
import { StoreCache } from "../svidstore/store-cache.ts";
import { firstSync } from "./first-sync.ts";
import { JwtSvidSource } from "./jwt-svid-source.ts";
import type { RotationPolicy } from "./rotation.ts";
import type { ServerApi } from "./server-api.ts";
import { Synchronizer } from "./synchronizer.ts";
import { X509SvidRenewer } from "./x509-svid-renewer.ts";

export interface EntrySyncOptions {
  readonly config: AgentConfig;
  readonly agent: AttestedAgent;
  readonly rotation: RotationPolicy;
  readonly surroundings: Pick<AgentSurroundings, "clock" | "random" | "logger" | "version">;
}

/** What workloads and stores are served from, kept as the server has it. Disposing of it closes the connection to the server. */
export class EntrySync implements Disposable {
  readonly workloads: WorkloadCache;
  readonly stored: StoreCache;
  readonly jwtSvids: JwtSvidSource;
  readonly #options: EntrySyncOptions;
  readonly #logger: Logger;
  readonly #connection: ServerConnection;
  readonly #api: ServerApi;
  readonly #synchronizer: Synchronizer;

  constructor(options: EntrySyncOptions) {
    const { config, agent, rotation, surroundings } = options;
    const { svid, bundles, bootstrap } = agent;
    const { clock, random } = surroundings;
    const logger = surroundings.logger.with({ subsystem_name: "manager" });
    const connection = new ServerConnection(config, {
      identity: () => svid.identity.tls,
      verify: (chainDer) => verifyServer(chainDer, { bundle: bundles.own, clock }),
    });
    svid.onChange(() => connection.reset());
    const api = attestedServerApi(connection, logger);
    const workloads = new WorkloadCache({ bundles, maxSize: config.x509SvidCacheMaxSize, clock, logger });
    const stored = new StoreCache({
      trustDomain: config.trustDomain,
      logger: surroundings.logger.with({ subsystem_name: "svid_store_cache" }),
    });
    const jwtSvids = new JwtSvidCache({ maxSize: config.jwtSvidCacheMaxSize, logger });
    this.#options = options;
    this.#logger = logger;
    this.#connection = connection;
    this.#api = api;
    this.workloads = workloads;
    this.stored = stored;
    this.jwtSvids = new JwtSvidSource({
      api,
      cache: jwtSvids,
      rotation,
      cacheHitTimeoutMs: config.jwtSvidCacheHitTimeoutMs,
      clock,
      logger,
    });
    this.#synchronizer = new Synchronizer({
      api,
      bundles,
      workloads,
      stored,
      jwtSvids,
      renewer: new X509SvidRenewer({ api, keyType: config.workloadKeyType, rotation, logger }),
      rotation,
      intervalMs: config.syncIntervalMs,
      useSync: config.useSyncAuthorizedEntries,
      onTainted: (authorities) => svid.taint(authorities),
      onSuccess: () => bootstrap.succeeded(),
      onUnknownAuthority: (error) => bootstrap.unknownWhileServing(error),
      clock,
      logger,
      random,
    });
  }

  /** When all was last as the server has it; undefined before the first time. */
  get lastSync(): Date | undefined {
    return this.#synchronizer.lastSync;
  }

  /** The first sync: workloads can be served afterwards. @throws {StatusError} when it cannot be had. */
  async start(signal: AbortSignal): Promise<void> {
    const { agent, surroundings } = this.#options;
    const { bootstrap } = agent;
    await this.#postStatus(signal);
    await firstSync({
      ...surroundings,
      logger: this.#logger,
      sync: (inner) => this.#synchronizer.sync(inner),
      onDenied: (error) => this.#answerDenial(error, signal),
      // Who may not begin anew hopes for another server behind the same name.
      onUnknownAuthority: (error) => {
        if (bootstrap.mayRebootstrap) bootstrap.unknownWhileServing(error);
      },
      patienceMs: bootstrap.patienceMs,
      signal,
    });
  }

  /**
   * Keeps entries, bundles and SVIDs fresh, the agent's own SVID too, until the signal aborts.
   *
   * @throws {StatusError} when the server denies the agent for good, or the agent's SVID has expired.
   */
  async run(signal: AbortSignal): Promise<void> {
    const { svid } = this.#options.agent;
    while (!signal.aborted) {
      try {
        await runTogether(
          [(inner) => this.#synchronizer.run(inner), (inner) => svid.run(this.#api, inner)],
          signal,
        );
      } catch (error) {
        await this.#answerDenial(error, signal);
      }
    }
  }

  [Symbol.dispose](): void {
    this.#connection[Symbol.dispose]();
  }

  async #answerDenial(error: unknown, signal: AbortSignal): Promise<void> {
    const { svid, data } = this.#options.agent;
    await answerDenial(error, { svid, data, logger: this.#logger, signal });
  }

  /** Servers before v1.14 do not know it; the agent works all the same. */
  async #postStatus(signal: AbortSignal): Promise<void> {
    const { version } = this.#options.surroundings;
    try {
      await this.#api.postStatus(version, { signal });
    } catch (error) {
      if (signal.aborted) throw error;
      this.#logger.error("Failed to post agent status", {
        agent_version: version,
        error: StatusError.from(error).message,
      });
    }
  }
}
