import { createCertificateRequest } from "@finial/sdk/crypto";
import type { AgentKey, KeyManager } from "../facade/keymanager.ts";

/** A new key for the agent's SVID, in the slot that the current one is not in. */
export async function generateAgentKey(
  keyManager: KeyManager,
  current: AgentKey | undefined,
): Promise<AgentKey> {
  return await keyManager.generateKey(current?.id === "agent-svid-A" ? "agent-svid-B" : "agent-svid-A");
}

/** A request without an ID: the server knows who the agent is. DER. */
export async function agentCertificateRequest(key: AgentKey): Promise<Buffer> {
  return await createCertificateRequest({
    publicKey: key.publicKey,
    subject: { country: ["US"], organization: ["SPIRE"] },
    sign: (message) => key.sign(message),
  });
}
