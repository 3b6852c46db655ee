import { Code, StatusError } from "@finial/sdk";
import { Certificate, toPem } from "@finial/sdk/crypto";
import { type SpiffeId, x509SvidId } from "@finial/sdk/spiffe";
import type { AgentTlsIdentity } from "../api/server-credentials.ts";
import type { AgentKey } from "../facade/keymanager.ts";

/** The agent's own X.509-SVID, with what TLS needs of its key. */
export interface AgentIdentity {
  readonly spiffeId: SpiffeId;
  readonly leaf: Certificate;
  /** Leaf first. */
  readonly chainDer: readonly Buffer[];
  readonly key: AgentKey;
  /** The agent may attest again with its attestor. */
  readonly reattestable: boolean;
  readonly tls: AgentTlsIdentity;
}

/**
 * @param chainDer leaf first.
 * @throws {StatusError} Internal when the chain is not for the key; what the plugin says that gives its keys away.
 */
export async function agentIdentity(options: {
  readonly chainDer: readonly Buffer[];
  readonly key: AgentKey;
  readonly reattestable: boolean;
}): Promise<AgentIdentity> {
  const { chainDer, key, reattestable } = options;
  const [leaf] = chainDer.map((der) => Certificate.parse(der));
  if (leaf === undefined)
    throw new StatusError(Code.Internal, "AGENT_SVID", "the agent's SVID has no certificate");
  if (!leaf.pkixDer.equals(key.publicKey.pkixDer))
    throw new StatusError(Code.Internal, "AGENT_SVID", "the agent's SVID is for another key");
  const chainPem = chainDer.map((der) => toPem("CERTIFICATE", der)).join("");
  const tls = await tlsIdentity(key, chainPem);
  return { spiffeId: x509SvidId(leaf), leaf, chainDer, key, reattestable, tls };
}

/** With the key itself where it can be had: a connection then costs no question to the plugin. */
async function tlsIdentity(key: AgentKey, chainPem: string): Promise<AgentTlsIdentity> {
  const privateKey = await key.findPrivateKey();
  if (privateKey !== undefined)
    return { chainPem, keyPem: privateKey.export({ format: "pem", type: "pkcs8" }).toString() };
  const publicKeyDer = key.publicKey.pkixDer;
  return { chainPem, publicKeyDer, signDigest: (digest) => key.signDigest(digest) };
}
