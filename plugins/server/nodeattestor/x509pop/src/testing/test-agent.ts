import { generateKeyPairSync, type KeyObject, randomBytes } from "node:crypto";
import { answerChallenge, encodeAttestationData } from "@finial/plugin-common-x509pop";
import { Certificate, keyUsageExtension, PublicKey, subjectAltNameExtension } from "@finial/sdk/crypto";
import { NodeAttestor } from "@finial/sdk/server";
import type { LoadedPlugin, TestCa, TestCertificateOptions } from "@finial/sdk/testing";

/** An agent with a certificate, for tests. */
export interface TestAgent {
  readonly chainDer: readonly Buffer[];
  readonly leaf: Certificate;
  readonly key: KeyObject;
  readonly payload: Buffer;
  readonly respond: (challenge: Buffer) => Promise<Buffer>;
}

export interface TestAgentOptions extends TestCertificateOptions {
  readonly key?: KeyObject;
  readonly uris?: readonly string[];
  /** In place of the chain the CA gives. */
  readonly intermediatesDer?: readonly Buffer[];
}

export const ecKey = (namedCurve = "P-256"): KeyObject =>
  generateKeyPairSync("ec", { namedCurve }).privateKey;

export async function makeAgent(ca: TestCa, options: TestAgentOptions = {}): Promise<TestAgent> {
  const { key = ecKey(), uris = [], extensions = [] } = options;
  const usual = [
    keyUsageExtension(["digitalSignature"]),
    ...(uris.length === 0 ? [] : [subjectAltNameExtension({ uris, dnsNames: [] }, false)]),
  ].filter(({ oid }) => !extensions.some((given) => given.oid === oid));
  const leafDer = await ca.certify(PublicKey.of(key), {
    subject: { commonName: "COMMONNAME" },
    ...options,
    extensions: [...usual, ...extensions],
  });
  return agentOf([leafDer, ...(options.intermediatesDer ?? ca.chainDer)], key);
}

export function agentOf(chainDer: readonly Buffer[], key: KeyObject): TestAgent {
  return {
    chainDer,
    leaf: Certificate.parse(chainDer[0] as Buffer),
    key,
    payload: encodeAttestationData(chainDer),
    respond: (challenge) => answerChallenge(key, challenge, randomBytes),
  };
}

/** One attestation, as a host does it. */
export async function attest(
  plugin: LoadedPlugin,
  agent: Pick<TestAgent, "payload" | "respond">,
  metadata: Readonly<Record<string, string>> = {},
) {
  const stream = plugin.client(NodeAttestor.definition).attest({ metadata });
  await stream.send({ request: { $case: "payload", value: agent.payload } });
  for await (const { response } of stream) {
    if (response?.$case === "agentAttributes") return response.value;
    const challenge = response?.$case === "challenge" ? response.value : Buffer.alloc(0);
    const value = await agent.respond(challenge);
    await stream.send({ request: { $case: "challengeResponse", value } });
  }
  throw new Error("the stream ended without attributes");
}
