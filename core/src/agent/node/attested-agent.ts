import { type Logger, StatusError } from "@finial/sdk";
import type { Bundle } from "@finial/sdk/spiffe";
import type { AgentSurroundings } from "../agent-surroundings.ts";
import { nodeAttestation } from "../api/node-attestation.ts";
import { BundleCache } from "../cache/bundle-cache.ts";
import type { AgentConfig } from "../config.ts";
import type { AgentPlugins } from "../plugins.ts";
import type { RotationPolicy } from "../sync/rotation.ts";
import { AgentData } from "./agent-data.ts";
import type { AgentIdentity } from "./agent-identity.ts";
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
  keepOnDisk({ data, svid, bundles, logger });
  return { svid, bundles, bootstrap, data };
}

/** A disk that fails costs the next start its memory, not this run its identity. */
function keepOnDisk({
  data,
  svid,
  bundles,
  logger,
}: Pick<AttestedAgent, "data" | "svid" | "bundles"> & { readonly logger: Logger }): void {
  const storeSvid = ({ chainDer, reattestable }: AgentIdentity): void => {
    try {
      data.update({ chainDer, reattestable });
    } catch (error) {
      logger.warn("Could not store SVID", { error: StatusError.from(error).message });
    }
  };
  const storeBundle = ({ x509Authorities }: Bundle): void => {
    try {
      data.update({ bundleDer: x509Authorities.map(({ certificateDer }) => certificateDer) });
    } catch (error) {
      logger.error("Could not store bundle", { error: StatusError.from(error).message });
    }
  };
  storeSvid(svid.identity);
  storeBundle(bundles.own);
  svid.onChange(storeSvid);
  bundles.onOwnChange(storeBundle);
}
