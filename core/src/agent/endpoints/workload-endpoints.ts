import { HealthDefinition } from "@finial/proto/grpc/health/v1/health";
import { SpiffeWorkloadAPIDefinition } from "@finial/proto/workload/workload";
import type { Clock, Logger } from "@finial/sdk";
import { addService } from "@finial/sdk/internal";
import { Server } from "@grpc/grpc-js";
import { healthHandlers } from "../../kernel/health/health-service.ts";
import { endGracefully } from "../../kernel/rpc/end-gracefully.ts";
import type { PeerProcess } from "../../kernel/rpc/peer-credentials.ts";
import { Peers } from "../../kernel/rpc/peers.ts";
import { UnixListener } from "../../kernel/rpc/unix-listener.ts";
import type { WorkloadRateLimits } from "../config/rate-limits.ts";
import { Callers } from "../workload/callers.ts";
import { SelectorLimit } from "../workload/selector-limit.ts";
import type { WorkloadAttestation } from "../workload/workload-attestation.ts";
import { logFailures } from "./log-failures.ts";
import { checkWorkloadApi } from "./workloadapi/check-workload-api.ts";
import { makeWorkloadApiHandlers } from "./workloadapi/handlers.ts";
import type { LimitedMethod } from "./workloadapi/needs.ts";
import { requireSecurityHeader } from "./workloadapi/security-header.ts";

type HandlerNeeds = Omit<Parameters<typeof makeWorkloadApiHandlers>[0], "attest">;

export interface WorkloadEndpointsOptions extends HandlerNeeds {
  readonly socketPath: string;
  readonly disableWorkloadApi: boolean;
  readonly attestation: Pick<WorkloadAttestation, "attest">;
  readonly rateLimits: WorkloadRateLimits;
  readonly logSelectors: readonly string[];
  readonly ownPid: number;
  readonly clock: Clock;
  readonly logger: Logger;
}

/** Calls in flight get this long when the agent stops: streams would go on for ever. */
const stopGraceMs = 1_000;

/** The agent's public socket. */
export class WorkloadEndpoints implements AsyncDisposable {
  readonly #server: Server;
  readonly #listener: UnixListener;
  readonly #options: WorkloadEndpointsOptions;

  private constructor(server: Server, listener: UnixListener, options: WorkloadEndpointsOptions) {
    this.#server = server;
    this.#listener = listener;
    this.#options = options;
  }

  /** @throws {StatusError} FailedPrecondition when the socket cannot be had. */
  static async start(options: WorkloadEndpointsOptions): Promise<WorkloadEndpoints> {
    const { socketPath, disableWorkloadApi, clock, logger } = options;
    const server = new Server();
    const peers = new Peers<PeerProcess>();
    const callers = callersOf(peers, options);
    const log = logFailures(callers, logger);
    if (!disableWorkloadApi)
      addService(
        server,
        SpiffeWorkloadAPIDefinition,
        makeWorkloadApiHandlers({ ...options, attest: callers.attest }),
        { interceptors: [log, requireSecurityHeader] },
      );
    const check = async (signal: AbortSignal): Promise<void> => {
      if (!disableWorkloadApi) await checkWorkloadApi(socketPath, { signal });
    };
    addService(server, HealthDefinition, healthHandlers(check, clock), { interceptors: [log] });
    const listener = await UnixListener.start({ path: socketPath, mode: 0o777, server, peers, logger });
    const apis = disableWorkloadApi ? "no APIs" : "Workload API";
    logger.info("Starting agent APIs", { network: "unix", address: listener.path, apis });
    return new WorkloadEndpoints(server, listener, options);
  }

  /** Throws when workloads would not be served. */
  async check(signal: AbortSignal): Promise<void> {
    const { disableWorkloadApi, socketPath } = this.#options;
    if (!disableWorkloadApi) await checkWorkloadApi(socketPath, { signal });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const { logger, clock } = this.#options;
    logger.info("Stopping agent APIs");
    const door = { server: this.#server, listener: this.#listener };
    await endGracefully([door], { graceMs: stopGraceMs, clock });
  }
}

function callersOf(
  peers: Peers<PeerProcess>,
  { attestation, rateLimits, logSelectors, ownPid, clock, logger }: WorkloadEndpointsOptions,
): Callers<LimitedMethod> {
  const prefix = `/${SpiffeWorkloadAPIDefinition.fullName}/`;
  const limit = (method: LimitedMethod, perSecond: number): SelectorLimit => {
    if (perSecond > 0)
      logger.info("Workload API/SDS rate limiting enabled", {
        method: `${prefix}${method}`,
        limit: perSecond,
      });
    return new SelectorLimit(perSecond, clock);
  };
  return new Callers({
    peers,
    attestation,
    limits: {
      FetchX509SVID: limit("FetchX509SVID", rateLimits.fetchX509Svid),
      FetchJWTSVID: limit("FetchJWTSVID", rateLimits.fetchJwtSvid),
      FetchX509Bundles: limit("FetchX509Bundles", rateLimits.fetchX509Bundles),
      FetchJWTBundles: limit("FetchJWTBundles", rateLimits.fetchJwtBundles),
    },
    prefix,
    ownPid,
    logSelectors,
  });
}
