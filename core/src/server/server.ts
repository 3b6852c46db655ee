import type { Clock, Logger } from "@finial/sdk";
import { Code, StatusError } from "@finial/sdk";
import { Catalog, type CatalogOptions } from "../kernel/catalog/catalog.ts";
import type { PluginBlock } from "../kernel/catalog/plugin-block.ts";
import { besidesPlugins, pluginsCheck } from "../kernel/catalog/plugins-check.ts";
import { HealthChecks } from "../kernel/health/health-checks.ts";
import { runHealthListener } from "../kernel/health/health-listener.ts";
import { healthHandlers } from "../kernel/health/health-service.ts";
import { metricsService } from "../kernel/hostservice/metrics.ts";
import { makeDataDir } from "../kernel/lifecycle/data-dir.ts";
import { runTogether, type Task } from "../kernel/lifecycle/run-together.ts";
import { pluginHandlers } from "../kernel/pluginapi/handlers.ts";
import { noMetrics } from "../kernel/telemetry/metrics.ts";
import { makeAgentHandlers } from "./api/agent/handlers.ts";
import { makeBundleHandlers } from "./api/bundle/handlers.ts";
import { makeEntryHandlers } from "./api/entry/handlers.ts";
import { makeSvidHandlers } from "./api/svid/handlers.ts";
import { authorize } from "./authorization/authorize.ts";
import { callerIdOf, findAuthorized } from "./authorization/caller.ts";
import { Announcer } from "./bundle/announce.ts";
import { BundleCache } from "./bundle/bundle-cache.ts";
import { AuthorityKeeper } from "./ca/authority-keeper.ts";
import { Composers } from "./ca/compose.ts";
import { JwtSvidIssuer } from "./ca/jwt-svid-issuer.ts";
import { OwnBundle } from "./ca/own-bundle.ts";
import { X509SvidIssuer } from "./ca/x509-svid-issuer.ts";
import { checkTrustDomain } from "./check-trust-domain.ts";
import type { ServerConfig } from "./config.ts";
import { logAudit, logFailures } from "./endpoints/log-calls.ts";
import { makeRateLimit } from "./endpoints/rate-limits.ts";
import { ServerEndpoints } from "./endpoints/server-endpoints.ts";
import { ServerIdentity } from "./endpoints/server-identity.ts";
import { openAuthorizedEntries } from "./entry/authorized-entries.ts";
import { type AgentStoreNeeds, agentStoreService } from "./hostservice/agentstore.ts";
import { type IdentitySource, identityProviderService } from "./hostservice/identityprovider.ts";
import { Later } from "./hostservice/later.ts";
import { AttestedNodes } from "./node/attested-nodes.ts";
import { bindPlugins, pluginTypes } from "./plugins.ts";
import { pruneTasks } from "./prune.ts";

/** What a server is given besides its configuration. */
export interface ServerSurroundings {
  readonly logger: Logger;
  readonly clock: Clock;
  readonly random: () => number;
  /** Where plugins are found and what they run with. */
  readonly plugins: CatalogOptions["surroundings"];
  /** The plugins as the configuration file lists them now. Throws what is wrong with the file. */
  readonly readPlugins: () => readonly PluginBlock[];
  /** Ends the server, gracefully. */
  readonly signal: AbortSignal;
  /** Hands out what a signal to the process should do; called once, when the plugins run. */
  readonly onReconfigure?: (reconfigure: () => void) => void;
  /** Told when the server serves. */
  readonly onReady?: () => void;
}

/**
 * Runs a server until the signal aborts: plugins first, then the authorities, then the doors.
 *
 * @throws {StatusError} what made it impossible to start, or to go on. All plugins are gone then.
 */
export async function runServer(config: ServerConfig, surroundings: ServerSurroundings): Promise<void> {
  const { logger, clock, signal } = surroundings;
  const { trustDomain } = config;
  await using stack = new AsyncDisposableStack();
  makeDataDir(config.dataDir);

  // Host services need what is made of plugins; until then they say that they are not ready.
  const agentStore = new Later<AgentStoreNeeds>();
  const identityProvider = new Later<IdentitySource>();
  const catalog = stack.use(
    await Catalog.load(config.plugins, {
      types: pluginTypes,
      surroundings: surroundings.plugins,
      hostServices: [
        identityProviderService(identityProvider),
        agentStoreService(agentStore),
        metricsService(noMetrics),
      ],
      trustDomain,
      logger: logger.with({ subsystem_name: "catalog" }),
      clock,
      random: surroundings.random,
      signal,
    }),
  );
  surroundings.onReconfigure?.(() => void catalog.reconfigure());
  const { store, keyManager, upstream, nodeAttestors, composers, notifiers, publishers } = bindPlugins(
    catalog,
    stack,
  );
  await checkTrustDomain(store, trustDomain, logger);

  const caLogger = logger.with({ subsystem_name: "ca_manager" });
  const ca = {
    settings: config.credentials,
    composers: new Composers(composers),
    now: () => clock.now(),
  };
  const authorities = await AuthorityKeeper.start({
    store,
    keyManager,
    upstream,
    bundle: new OwnBundle(store, trustDomain),
    surroundings: ca,
    caKeyType: config.caKeyType,
    jwtKeyType: config.jwtKeyType,
    disableJwtSvids: config.disableJwtSvids,
    clock,
    logger: caLogger,
  });
  const x509 = new X509SvidIssuer(authorities, ca);
  const jwt = config.disableJwtSvids ? undefined : new JwtSvidIssuer(authorities, ca);
  const identity = await ServerIdentity.issue({
    issuer: x509,
    keyType: config.caKeyType,
    clock,
    logger: logger.with({ subsystem_name: "svid_rotator" }),
  });
  agentStore.set(store);
  identityProvider.set({
    findBundle: () => store.findBundle(trustDomain),
    identity: () => identity,
  });

  const announcer = new Announcer({ store, trustDomain, notifiers, publishers, clock, logger: caLogger });
  await announcer.announceLoaded();
  const apiLogger = logger.with({ subsystem_name: "api" });
  const nodes = new AttestedNodes(store, { clock, logger: apiLogger });
  const entryLogger = logger.with({ subsystem_name: "endpoints" });
  const authorizedEntries = stack.use(
    await openAuthorizedEntries({ store, trustDomain, clock, logger: entryLogger }),
  );

  const bundles = new BundleCache(store, clock);
  const rateLimit = makeRateLimit(config.rateLimits, clock);
  const shared = { store, trustDomain, logger: apiLogger, callerId: callerIdOf, rateLimit };
  const checkServing = async (): Promise<void> => {
    const bundle = await store.findBundle(trustDomain);
    if (bundle === undefined) throw new StatusError(Code.NotFound, "BUNDLE_NOT_FOUND", "bundle not found");
  };
  stack.use(
    await ServerEndpoints.start({
      bindAddress: config.bindAddress,
      bindPort: config.bindPort,
      socketPath: config.socketPath,
      trustDomain,
      adminIds: config.adminIds,
      identity,
      bundles,
      handlers: {
        agent: makeAgentHandlers({
          ...shared,
          nodes,
          x509,
          findNodeAttestor: (type) => nodeAttestors.find(({ name }) => name === type),
          agentSpiffeIdAsSelector: config.agentSpiffeIdAsSelector,
          callerAddress: (context) => {
            const caller = findAuthorized(context)?.caller;
            return caller?.kind === "remote" ? caller.address : "";
          },
          clock,
        }),
        bundle: makeBundleHandlers({ ...shared, publishJwtKey: (key) => authorities.publishJwtKey(key) }),
        entry: makeEntryHandlers({ ...shared, authorizedEntries }),
        svid: makeSvidHandlers({ ...shared, x509, jwt, authorizedEntries }),
        plugin: pluginHandlers({
          plugins: catalog.plugins,
          upgrade: (plugin) => catalog.upgrade(plugin, surroundings.readPlugins()),
        }),
        health: healthHandlers(async () => {
          catalog.checkPlugins();
          await checkServing();
        }, clock),
      },
      interceptors: (callerOf) => [
        logFailures(apiLogger),
        authorize({ callerOf, adminIds: config.adminIds, store, nodes, clock }),
        ...(config.auditLogEnabled ? [logAudit(apiLogger)] : []),
      ],
      clock,
      logger: entryLogger,
    }),
  );

  const health = new HealthChecks(
    [
      { name: "server", check: besidesPlugins(catalog, checkServing) },
      {
        name: "server.ca.rotator",
        check: besidesPlugins(catalog, async () => checkRotations(authorities)),
      },
      pluginsCheck(catalog),
    ],
    { clock, logger: logger.with({ subsystem_name: "health" }) },
  );
  catalog.onProblems(() => health.recheck());
  const { healthChecks } = config;
  const tasks: Task[] = [
    (inner) => authorities.run(inner),
    (inner) => identity.run(inner),
    (inner) => nodes.run(inner),
    (inner) => announcer.run(inner),
    (inner) => health.run(inner),
    ...pruneTasks({
      store,
      trustDomain,
      nodes: config.pruneNodes,
      clock,
      logger: logger.with({ subsystem_name: "pruner" }),
      random: surroundings.random,
    }),
  ];
  if (healthChecks !== undefined)
    tasks.push((inner) => runHealthListener({ ...healthChecks, checks: health, logger }, inner));
  surroundings.onReady?.();
  await runTogether(tasks, signal);
}

/**
 * Has every plugin check its configuration; none is configured.
 *
 * @returns notes by plugin; none means valid.
 */
export async function validateServer(
  config: ServerConfig,
  surroundings: Pick<ServerSurroundings, "logger" | "clock" | "plugins">,
): Promise<ReadonlyMap<string, readonly string[]>> {
  return await Catalog.validate(config.plugins, {
    types: pluginTypes,
    surroundings: surroundings.plugins,
    hostServices: [
      identityProviderService(new Later<IdentitySource>()),
      agentStoreService(new Later<AgentStoreNeeds>()),
      metricsService(noMetrics),
    ],
    trustDomain: config.trustDomain,
    logger: surroundings.logger,
    clock: surroundings.clock,
  });
}

const mostFailedRotations = 10;

function checkRotations({ failedRotations }: AuthorityKeeper): void {
  if (failedRotations > mostFailedRotations)
    throw new StatusError(
      Code.Unavailable,
      "ROTATION_FAILS",
      `the last ${failedRotations} rotations of authorities have failed`,
    );
}
