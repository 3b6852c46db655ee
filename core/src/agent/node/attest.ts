import { type Clock, Code, type Logger, StatusError } from "@finial/sdk";
import { Certificate } from "@finial/sdk/crypto";
import type { Bundle, TrustDomain } from "@finial/sdk/spiffe";
import type { NodeAttestation } from "../api/node-attestation.ts";
import type { AgentKey, KeyManager } from "../facade/keymanager.ts";
import type { AgentData } from "./agent-data.ts";
import { type AgentIdentity, agentIdentity } from "./agent-identity.ts";
import { agentCertificateRequest, generateAgentKey } from "./agent-key.ts";

/** An SVID that is about to expire is no good for a handshake. */
const clockSkewMs = 1000;

export interface AttestOptions {
  readonly trustDomain: TrustDomain;
  readonly data: AgentData;
  readonly keyManager: KeyManager;
  readonly attestation: NodeAttestation;
  /** X.509 authorities to begin with, when the data has none; undefined for insecure bootstrap. */
  readonly bootstrapBundleDer: readonly Buffer[] | undefined;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly signal: AbortSignal;
}

export interface AttestedNode {
  readonly identity: AgentIdentity;
  readonly bundle: Bundle;
}

/** The agent's identity from its data if it is still good, else by attestation. */
export async function attestNode(options: AttestOptions): Promise<AttestedNode> {
  const { data, logger, trustDomain } = options;
  const known = data.record.bundleDer.length > 0 ? data.record.bundleDer : options.bootstrapBundleDer;
  const bundle = known && bundleOf(trustDomain, known);
  if (bundle === undefined) logger.info("Bundle is not found");
  else logger.info("Bundle loaded", { trust_domain_id: trustDomain.idText });
  const { svidKey, anyKey, expiresAt } = await findKey(options);
  if (svidKey !== undefined && expiresAt !== undefined && !isExpired(expiresAt, options.clock)) {
    // Somebody has taken the bundle out of the data.
    if (bundle === undefined)
      throw new StatusError(Code.FailedPrecondition, "NO_BUNDLE", "SVID loaded but no bundle in cache");
    const { chainDer, reattestable } = data.record;
    const identity = await agentIdentity({ chainDer, key: svidKey, reattestable });
    logger.info("SVID loaded", { spiffe_id: identity.spiffeId.toString() });
    return { identity, bundle };
  }
  warnOfLoss({ svidKey, anyKey, expiresAt, logger });
  logger.info("SVID is not found. Starting node attestation");
  const key = await generateAgentKey(options.keyManager, svidKey);
  const csrDer = await agentCertificateRequest(key);
  const attested = await options.attestation.attest({ csrDer, bundle }, { signal: options.signal });
  const identity = await agentIdentity({ ...attested, key });
  logger.info("Node attestation was successful", {
    spiffe_id: identity.spiffeId.toString(),
    reattestable: identity.reattestable,
  });
  return { identity, bundle: attested.bundle };
}

interface FoundKey {
  /** The key of the SVID in the data. */
  readonly svidKey: AgentKey | undefined;
  readonly anyKey: boolean;
  /** Of the SVID in the data. */
  readonly expiresAt: Date | undefined;
}

async function findKey({ data, keyManager }: AttestOptions): Promise<FoundKey> {
  const keys = await keyManager.getKeys();
  const [leafDer] = data.record.chainDer;
  const leaf = leafDer && Certificate.parse(leafDer);
  const svidKey = leaf && keys.find(({ publicKey }) => publicKey.pkixDer.equals(leaf.pkixDer));
  return { svidKey, anyKey: keys.length > 0, expiresAt: leaf?.notAfter };
}

function isExpired(expiresAt: Date, clock: Clock): boolean {
  return clock.now().getTime() + clockSkewMs >= expiresAt.getTime();
}

function warnOfLoss({ svidKey, anyKey, expiresAt, logger }: FoundKey & { readonly logger: Logger }): void {
  if (expiresAt === undefined && !anyKey) return;
  if (expiresAt === undefined) logger.warn("Keys recovered, but no SVID found. Generating new keypair");
  else if (svidKey !== undefined)
    logger.warn("SVID key recovered, but SVID is expired. Generating new keypair", {
      expiry: expiresAt.toISOString(),
    });
  else if (anyKey) logger.warn("SVID recovered, but no SVID key found. Generating new keypair");
  else logger.warn("SVID recovered, but no keys found. Generating new keypair");
}

function bundleOf(trustDomain: TrustDomain, authorities: readonly Buffer[]): Bundle {
  return {
    trustDomain,
    x509Authorities: authorities.map((certificateDer) => ({ certificateDer, tainted: false })),
    jwtAuthorities: [],
    refreshHintSeconds: 0,
    sequenceNumber: 0,
  };
}
