import { PluginDefinition } from "@finial/proto/api/plugin/v1/plugin";
import { AgentDefinition } from "@finial/proto/api/server/agent/v1/agent";
import { BundleDefinition } from "@finial/proto/api/server/bundle/v1/bundle";
import { EntryDefinition } from "@finial/proto/api/server/entry/v1/entry";
import { SVIDDefinition } from "@finial/proto/api/server/svid/v1/svid";
import { HealthDefinition } from "@finial/proto/grpc/health/v1/health";
import { type Clock, type Logger, StatusError } from "@finial/sdk";
import { addService, type CallContext, type Handlers, type Interceptor } from "@finial/sdk/internal";
import { type SpiffeId, type TrustDomain, verifyX509Svid } from "@finial/sdk/spiffe";
import { Server } from "@grpc/grpc-js";
import { endGracefully } from "../../kernel/rpc/end-gracefully.ts";
import type { PeerProcess } from "../../kernel/rpc/peer-credentials.ts";
import { Peers } from "../../kernel/rpc/peers.ts";
import { TlsListener, type TlsPeer } from "../../kernel/rpc/tls-listener.ts";
import { UnixListener } from "../../kernel/rpc/unix-listener.ts";
import type { Caller } from "../authorization/caller.ts";
import type { BundleCache } from "../bundle/bundle-cache.ts";
import type { ServerIdentity } from "./server-identity.ts";

/** Agents must look the server's name up again now and then. */
const maxConnectionAgeMs = 180_000;
/** Calls in flight get this long when the server stops. */
const stopGraceMs = 10_000;

export interface ApiHandlers {
  readonly agent: Handlers<typeof AgentDefinition>;
  readonly bundle: Handlers<typeof BundleDefinition>;
  readonly entry: Handlers<typeof EntryDefinition>;
  readonly svid: Handlers<typeof SVIDDefinition>;
  /** On the admin socket alone, as is the next. */
  readonly plugin: Handlers<typeof PluginDefinition>;
  readonly health: Handlers<typeof HealthDefinition>;
}

export interface EndpointsOptions {
  readonly bindAddress: string;
  readonly bindPort: number;
  readonly socketPath: string;
  readonly trustDomain: TrustDomain;
  /** IDs of other trust domains that may connect. */
  readonly adminIds: readonly SpiffeId[];
  readonly identity: ServerIdentity;
  readonly bundles: BundleCache;
  readonly handlers: ApiHandlers;
  /** Outermost first; `callerOf` tells them who calls. */
  readonly interceptors: (callerOf: (context: CallContext) => Caller) => readonly Interceptor[];
  readonly clock: Clock;
  readonly logger: Logger;
}

interface Door<L> {
  readonly server: Server;
  readonly listener: L;
}

/** The server's two doors: mutual TLS on TCP, and the admin socket. */
export class ServerEndpoints implements AsyncDisposable {
  readonly #options: EndpointsOptions;
  readonly #remote: Door<TlsListener>;
  readonly #local: Door<UnixListener>;

  private constructor(options: EndpointsOptions, remote: Door<TlsListener>, local: Door<UnixListener>) {
    this.#options = options;
    this.#remote = remote;
    this.#local = local;
  }

  /** @throws {StatusError} FailedPrecondition when an address or socket cannot be had. */
  static async start(options: EndpointsOptions): Promise<ServerEndpoints> {
    const { logger, identity } = options;
    await using stack = new AsyncDisposableStack();
    const remote = new Server({ "grpc.max_connection_age_ms": maxConnectionAgeMs });
    const local = new Server();
    const remotePeers = new Peers<Caller>();
    const localPeers = new Peers<PeerProcess>();
    addServices(remote, options, (context) => remotePeers.of(context), false);
    addServices(local, options, (context) => localCaller(localPeers.of(context)), true);
    const tls = stack.use(
      await TlsListener.start<Caller>({
        host: options.bindAddress,
        port: options.bindPort,
        identity: identity.tls,
        server: remote,
        peers: remotePeers,
        admit: (peer) => admit(peer, options),
        logger,
      }),
    );
    identity.onChange((next) => tls.setIdentity(next));
    logger.info("Starting Server APIs", {
      network: "tcp",
      address: `${options.bindAddress}:${tls.port}`,
    });
    const unix = stack.use(
      await UnixListener.start({
        path: options.socketPath,
        mode: 0o770,
        server: local,
        peers: localPeers,
        logger,
      }),
    );
    logger.info("Starting Server APIs", { network: "unix", address: unix.path });
    stack.move();
    return new ServerEndpoints(options, { server: remote, listener: tls }, { server: local, listener: unix });
  }

  /** Where it listens: a port of 0 has become a real one. */
  get port(): number {
    return this.#remote.listener.port;
  }

  /** Takes no more calls, lets those in flight end for a while, then closes. */
  async [Symbol.asyncDispose](): Promise<void> {
    const { logger, clock } = this.#options;
    logger.info("Stopping Server APIs");
    await endGracefully([this.#remote, this.#local], { graceMs: stopGraceMs, clock });
    logger.info("Server APIs have stopped");
  }
}

function addServices(
  server: Server,
  { handlers, interceptors }: EndpointsOptions,
  callerOf: (context: CallContext) => Caller,
  isLocal: boolean,
): void {
  const options = { interceptors: interceptors(callerOf) };
  addService(server, AgentDefinition, handlers.agent, options);
  addService(server, BundleDefinition, handlers.bundle, options);
  addService(server, EntryDefinition, handlers.entry, options);
  addService(server, SVIDDefinition, handlers.svid, options);
  if (!isLocal) return;
  addService(server, PluginDefinition, handlers.plugin, options);
  addService(server, HealthDefinition, handlers.health, options);
}

function localCaller({ pid, uid, gid }: PeerProcess): Caller {
  return { kind: "local", pid, uid, gid };
}

/** Whoever shows a certificate shows a good one, of this trust domain or of an administrator elsewhere. */
async function admit({ address, port, chainDer }: TlsPeer, options: EndpointsOptions): Promise<Caller> {
  if (chainDer.length === 0) return { kind: "remote", address, port, svid: undefined };
  const { trustDomain, adminIds, bundles, clock } = options;
  // Whose bundle to ask for has to be known before anything is verified: first the names, then the proof.
  const anchorsByDomain = new Map<string, Awaited<ReturnType<BundleCache["findAnchors"]>>>();
  for (const domain of [trustDomain, ...adminIds.map((id) => id.trustDomain)])
    if (!anchorsByDomain.has(domain.name))
      anchorsByDomain.set(domain.name, await bundles.findAnchors(domain));
  const { spiffeId, leaf } = verifyX509Svid({
    chainDer,
    anchorsOf: ({ name }) => anchorsByDomain.get(name),
    now: clock.now(),
  });
  if (!spiffeId.memberOf(trustDomain) && !adminIds.some((id) => id.equals(spiffeId)))
    throw StatusError.from(new Error(`unexpected trust domain in ID "${spiffeId}"`));
  return { kind: "remote", address, port, svid: { id: spiffeId, leaf } };
}
