import { Catalog } from "../kernel/catalog/catalog.ts";
import { besidesPlugins, pluginsCheck } from "../kernel/catalog/plugins-check.ts";
import { HealthChecks } from "../kernel/health/health-checks.ts";
import { runHealthListener } from "../kernel/health/health-listener.ts";
import { metricsService } from "../kernel/hostservice/metrics.ts";
import { makeDataDir } from "../kernel/lifecycle/data-dir.ts";
import { runTogether, type Task } from "../kernel/lifecycle/run-together.ts";
import { pluginHandlers } from "../kernel/pluginapi/handlers.ts";
import { noMetrics } from "../kernel/telemetry/metrics.ts";
import type { AgentSurroundings } from "./agent-surroundings.ts";
import type { AgentConfig } from "./config.ts";
import { AdminEndpoints } from "./endpoints/admin-endpoints.ts";
import { WorkloadEndpoints } from "./endpoints/workload-endpoints.ts";
import { openAttestedAgent } from "./node/attested-agent.ts";
import { type AgentPlugins, bindPlugins, pluginTypes } from "./plugins.ts";
import { Storekeeper } from "./svidstore/storekeeper.ts";
import { EntrySync } from "./sync/entry-sync.ts";
import { RotationPolicy } from "./sync/rotation.ts";
import { WorkloadAttestation } from "./workload/workload-attestation.ts";

/**
 * Runs an agent until the signal aborts.
 *
 * @throws {StatusError} what made it impossible to start, or to go on. All plugins are gone then.
 */
export async function runAgent(config: AgentConfig, surroundings: AgentSurroundings): Promise<void> {
  const { logger, clock, signal } = surroundings;
  logger.info("Starting agent", { data_dir: config.dataDir, version: surroundings.version });
  makeDataDir(config.dataDir);
  await using catalog = await Catalog.load(config.plugins, {
    types: pluginTypes,
    surroundings: surroundings.plugins,
    hostServices: [metricsService(noMetrics)],
    trustDomain: config.trustDomain,
    logger: logger.with({ subsystem_name: "catalog" }),
    clock,
    random: surroundings.random,
    signal,
  });
  surroundings.onReconfigure?.(() => void catalog.reconfigure());
  const plugins = bindPlugins(catalog);
  await runTogether([(inner) => serve(config, { catalog, plugins }, surroundings, inner)], signal);
}

/** First its identity, then its entries, then the door for workloads. */
async function serve(
  config: AgentConfig,
  { catalog, plugins }: { readonly catalog: Catalog; readonly plugins: AgentPlugins },
  surroundings: AgentSurroundings,
  signal: AbortSignal,
): Promise<void> {
  const { logger, clock, random } = surroundings;
  await using stack = new AsyncDisposableStack();
  const { adminSocketPath } = config;
  // Before the agent has an identity: who runs it may want to see what keeps it from one.
  if (adminSocketPath !== undefined)
    stack.use(
      await AdminEndpoints.start({
        socketPath: adminSocketPath,
        plugin: pluginHandlers({
          plugins: catalog.plugins,
          upgrade: (plugin) => catalog.upgrade(plugin, surroundings.readPlugins()),
        }),
        clock,
        logger: logger.with({ subsystem_name: "endpoints" }),
      }),
    );
  const rotation = new RotationPolicy({ availabilityTargetMs: config.availabilityTargetMs, random });
  const agent = await openAttestedAgent({ config, plugins, rotation, surroundings, signal });
  const sync = stack.use(new EntrySync({ config, agent, rotation, surroundings }));
  await sync.start(signal);
  const attestation = new WorkloadAttestation({
    attestors: plugins.workloadAttestors,
    logger: logger.with({ subsystem_name: "workload_attestor" }),
  });
  const { socketPath, healthChecks } = config;
  let endpoints: WorkloadEndpoints | undefined;
  if (socketPath === undefined)
    logger.info("Skipping agent APIs because public endpoint is disabled", { apis: "Workload and SDS APIs" });
  else
    endpoints = stack.use(
      await WorkloadEndpoints.start({
        ...config,
        socketPath,
        attestation,
        workloads: sync.workloads,
        jwtSvids: sync.jwtSvids,
        ownPid: surroundings.pid,
        clock,
        logger: logger.with({ subsystem_name: "endpoints" }),
      }),
    );
  const checks = new HealthChecks(
    [
      { name: "agent", check: besidesPlugins(catalog, async (inner) => endpoints?.check(inner)) },
      pluginsCheck(catalog),
    ],
    { clock, logger: logger.with({ subsystem_name: "health" }) },
  );
  catalog.onProblems(() => checks.recheck());
  const storekeeper = new Storekeeper({
    cache: sync.stored,
    bundles: agent.bundles,
    stores: plugins.svidStores,
    clock,
    logger: logger.with({ subsystem_name: "svid_store_service" }),
  });
  const tasks: Task[] = [
    (inner) => sync.run(inner),
    (inner) => storekeeper.run(inner),
    (inner) => checks.run(inner),
  ];
  if (healthChecks !== undefined)
    tasks.push((inner) => runHealthListener({ ...healthChecks, checks, logger }, inner));
  await runTogether(tasks, signal);
}
