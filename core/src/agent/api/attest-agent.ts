import type { AgentDefinition } from "@finial/proto/api/server/agent/v1/agent";
import { Code, StatusError } from "@finial/sdk";
import type { Client } from "@finial/sdk/internal";
import type { NodeAttestor } from "../facade/nodeattestor.ts";

/** What the server made of an attestation. */
export interface Attested {
  /** Leaf first. */
  readonly chainDer: readonly Buffer[];
  /** Whether the agent may attest again with the same method. */
  readonly reattestable: boolean;
}

/**
 * Attests the agent: the attestor's payload goes to the server, whose challenges go to the attestor.
 *
 * @throws {StatusError} the server's, or the attestor's with its prefix.
 */
export async function attestAgent(
  client: Client<typeof AgentDefinition>,
  {
    attestor,
    csrDer,
    signal,
  }: { readonly attestor: NodeAttestor; readonly csrDer: Buffer; readonly signal: AbortSignal },
): Promise<Attested> {
  await using aid = await attestor.startAttestation({ signal });
  const call = client.attestAgent({ signal });
  const answers = call[Symbol.asyncIterator]();
  try {
    const data = { type: attestor.name, payload: aid.payload };
    await call.send({ step: { $case: "params", value: { data, params: { csr: csrDer } } } });
    for (;;) {
      const { step } = await received(answers);
      if (step?.$case !== "challenge") {
        call.end();
        return attestedOf(step?.value);
      }
      const value = await aid.respond(step.value);
      await call.send({ step: { $case: "challengeResponse", value } });
    }
  } finally {
    await answers.return?.();
  }
}

async function received<T>(answers: AsyncIterator<T>): Promise<T> {
  try {
    const { done, value } = await answers.next();
    if (!done) return value;
  } catch (error) {
    throw StatusError.from(error).prefixed("failed to receive attestation response: ");
  }
  throw malformed("the server ended the attestation without a result");
}

function attestedOf(
  result:
    | { readonly svid: { readonly certChain: readonly Buffer[] } | undefined; readonly reattestable: boolean }
    | undefined,
): Attested {
  if (result?.svid === undefined) throw malformed("attest response is missing SVID");
  if (result.svid.certChain.length === 0) throw malformed("empty SVID cert chain");
  return { chainDer: result.svid.certChain, reattestable: result.reattestable };
}

function malformed(message: string): StatusError {
  return new StatusError(
    Code.Internal,
    "ATTESTATION_RESPONSE",
    `failed to parse attestation response: ${message}`,
  );
}
