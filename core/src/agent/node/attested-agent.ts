import type { AgentSurroundings } from "../agent-surroundings.ts";
import { nodeAttestation } from "../api/node-attestation.ts";
import { BundleCache } from "../cache/bundle-cache.ts";
import type { AgentConfig } from "../config.ts";
import type { AgentPlugins } from "../plugins.ts";
import type { RotationPolicy } from "../sync/rotation.ts";
import { AgentData } from "./agent-data.ts";
import { AgentSvid } from "./agent-svid.ts";
import { Bootstrap } from "./bootstrap.ts";
import { bootstrapNode } from "./bootstrap-node.ts";
import { joinTokenAttestor } from "./join-token.ts";

/** An agent that is somebody: its SVID, its bundles, and the file that remembers both. */
export interface AttestedAgent {
  readonly svid: AgentSvid;
  readonly bundles: BundleCache;
  readonly bootstrap: Bootstrap;
  readonly data: AgentData;
}

/**
 * Attests the agent, or takes up what it was when it last ran; from then on its file follows its SVID and its bundle.
 *
 * @throws {StatusError} what kept it from being attested.
 */
export async function openAttestedAgent(options: {
  readonly config: AgentConfig;
  readonly plugins: Pick<AgentPlugins, "keyManager" | "nodeAttestor">;
  readonly rotation: RotationPolicy;
  readonly surroundings: Pick<AgentSurroundings, "clock" | "random" | "logger">;
  readonly signal: AbortSignal;
}): Promise<AttestedAgent> {
  const { config, plugins, rotation, surroundings, signal } = options;
  const { keyManager, nodeAttestor } = plugins;
  const { clock, random } = surroundings;
  const logger = surroundings.logger.with({ subsystem_name: "attestor" });
  const data = AgentData.open(config.dataDir);
  const attestation = nodeAttestation({
    server: config,
    attestor: config.joinToken === undefined ? nodeAttestor : joinTokenAttestor(config.joinToken),
    trustDomain: config.trustDomain,
    clock,
    logger,
  });
  const bootstrap = new Bootstrap({ data, policy: config.rebootstrap, clock, logger });
  const { identity, bundle } = await bootstrapNode({
    trustDomain: config.trustDomain,
    data,
    keyManager,
    attestation,
    bootstrap,
    source: config.bootstrap,
    server: config,
    clock,
    random,
    logger,
    signal,
  });
  if (!identity.reattestable && keyManager.name === "memory")
    logger.warn(
      "Node attestation is not reattestable and the 'memory' key manager is in use; if the agent process is restarted, it will be unable to obtain a new SVID and will need to be manually evicted to be able to re-attest.",
    );
  const bundles = new BundleCache(bundle);
  const rotatorLogger = surroundings.logger.with({ subsystem_name: "svid_rotator" });
  const svid = new AgentSvid({
    identity,
    bundles,
    keyManager,
    attestation,
    rotation,
    clock,
    logger: rotatorLogger,
    random,
  });
  keepOnDisk(data, svid, bundles);
  return { svid, bundles, bootstrap, data };
}

function keepOnDisk(data: AgentData, svid: AgentSvid, bundles: BundleCache): void {
  const bundleDer = (): readonly Buffer[] =>
    bundles.own.x509Authorities.map(({ certificateDer }) => certificateDer);
  const { chainDer, reattestable } = svid.identity;
  data.update({ chainDer, reattestable, bundleDer: bundleDer() });
  svid.onChange((identity) =>
    data.update({ chainDer: identity.chainDer, reattestable: identity.reattestable }),
  );
  bundles.onOwnChange(() => data.update({ bundleDer: bundleDer() }));
}
