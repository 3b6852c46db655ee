import assert from "node:assert/strict";
import { describe, it } from "node:test";
import {
  AgentDefinition,
  type AttestAgentRequest,
  type AttestAgentResponse,
} from "@finial/proto/api/server/agent/v1/agent";
import { BundleDefinition } from "@finial/proto/api/server/bundle/v1/bundle";
import { Code, StatusError } from "@finial/sdk";
import type { PartialMessage } from "@finial/sdk/internal";
import { captureLog, FakeClock, testCa } from "@finial/sdk/testing";
import { toWireBundle } from "../../kernel/convert/bundle.ts";
import type { NodeAttestor } from "../facade/nodeattestor.ts";
import { FakeServer } from "./fake-server.ts";
import { nodeAttestation } from "./node-attestation.ts";

const clock = new FakeClock();
const ca = await testCa({ clock });
const impostor = await testCa({ clock });
const genuine = await ca.x509Svid("/spire/server");
const { chainDer } = await ca.x509Svid("/spire/agent/a");
const { signal } = new AbortController();

type Answer = PartialMessage<AttestAgentResponse>;
const challenge = (text: string): Answer => ({ step: { $case: "challenge", value: Buffer.from(text) } });
const result = (certChain: readonly Buffer[] | undefined, reattestable = false): Answer => ({
  step: {
    $case: "result",
    value: { svid: certChain && { certChain: [...certChain] }, reattestable },
  },
});

/** Attests with a server that answers each request with the next of these; without one, it ends. */
async function attest(
  answers: readonly Answer[],
  options: {
    readonly attestor?: Partial<NodeAttestor>;
    readonly bundle?: typeof ca.bundle | undefined;
    readonly identity?: typeof genuine;
    readonly getBundle?: () => ReturnType<typeof toWireBundle>;
  } = {},
) {
  const requests: AttestAgentRequest["step"][] = [];
  const logger = captureLog();
  let isDisposed = false;
  await using server = await new FakeServer(captureLog())
    .serve(AgentDefinition, {
      attestAgent: async function* (incoming) {
        for await (const { step } of incoming) {
          requests.push(step);
          const answer = answers[requests.length - 1];
          if (answer === undefined) return;
          yield answer;
        }
      },
    })
    .serve(BundleDefinition, { getBundle: options.getBundle ?? (() => toWireBundle(ca.bundle)) })
    .show(options.identity ?? genuine);
  const attestor: NodeAttestor = {
    name: "test",
    startAttestation: async () => ({
      payload: Buffer.from("payload"),
      respond: async (asked) => Buffer.from(`answer to ${asked}`),
      [Symbol.asyncDispose]: async () => {
        isDisposed = true;
      },
    }),
    ...options.attestor,
  };
  const attestation = nodeAttestation({ server, attestor, trustDomain: ca.trustDomain, clock, logger });
  try {
    const bundle = "bundle" in options ? options.bundle : ca.bundle;
    const attested = await attestation.attest({ csrDer: Buffer.from("csr"), bundle }, { signal });
    return { attested, requests, logger, server };
  } finally {
    if (options.attestor === undefined && requests.length > 0)
      assert.ok(isDisposed, "the attestor is told that this was all");
  }
}

const params = {
  $case: "params",
  value: {
    data: { type: "test", payload: Buffer.from("payload") },
    params: { csr: Buffer.from("csr") },
  },
};

describe("nodeAttestation()", () => {
  it("sends the attestor's payload and a request, and gives the SVID with the server's bundle", async () => {
    const { attested, requests, server, logger } = await attest([result(chainDer, true)]);
    assert.deepEqual(attested, { chainDer, reattestable: true, bundle: ca.bundle });
    assert.deepEqual(requests, [params]);
    assert.deepEqual(
      server.clients.map((client) => client.chainDer),
      [[]],
      "it is nobody yet",
    );
    assert.deepEqual(logger.lines, []);
  });

  it("has each challenge answered by the attestor", async () => {
    const { requests } = await attest([challenge("one"), challenge("two"), result(chainDer)]);
    assert.deepEqual(requests, [
      params,
      { $case: "challengeResponse", value: Buffer.from("answer to one") },
      { $case: "challengeResponse", value: Buffer.from("answer to two") },
    ]);
  });

  it("believes any server when it is to bootstrap insecurely, with a warning", async () => {
    const identity = await impostor.x509Svid("/spire/server");
    const { attested, logger } = await attest([result(chainDer)], { bundle: undefined, identity });
    assert.deepEqual(attested.bundle, ca.bundle);
    assert.deepEqual(
      logger.lines.map(({ level, message }) => [level, message]),
      [["warn", "Insecure bootstrap enabled; skipping server certificate verification"]],
    );
  });

  it("sends nothing to a server that is not the bundle's", async () => {
    const identity = await impostor.x509Svid("/spire/server");
    let isStarted = false;
    const startAttestation = async () => {
      isStarted = true;
      return {
        payload: Buffer.from("secret"),
        respond: async () => Buffer.alloc(1),
        [Symbol.asyncDispose]: async () => {},
      };
    };
    await assert.rejects(attest([result(chainDer)], { identity, attestor: { startAttestation } }), {
      code: Code.Unavailable,
      message: /authentication handshake failed: x509: certificate signed by unknown authority/,
    });
    assert.ok(isStarted);
  });

  const refused: readonly {
    readonly title: string;
    readonly answers: readonly Answer[];
    readonly message: string;
  }[] = [
    {
      title: "ends without a result",
      answers: [],
      message: "failed to parse attestation response: the server ended the attestation without a result",
    },
    {
      title: "ends after a challenge",
      answers: [challenge("one")],
      message: "failed to parse attestation response: the server ended the attestation without a result",
    },
    {
      title: "answers with nothing",
      answers: [{}],
      message: "failed to parse attestation response: attest response is missing SVID",
    },
    {
      title: "gives no SVID",
      answers: [result(undefined)],
      message: "failed to parse attestation response: attest response is missing SVID",
    },
    {
      title: "gives an empty SVID",
      answers: [result([])],
      message: "failed to parse attestation response: empty SVID cert chain",
    },
  ];
  for (const { title, answers, message } of refused)
    it(`fails when the server ${title}`, async () => {
      await assert.rejects(attest(answers), { code: Code.Internal, reason: "ATTESTATION_RESPONSE", message });
    });

  it("fails with the attestor's failure, and lets the server go", async () => {
    const failure = new StatusError(Code.Unavailable, "X", "nodeattestor(test): no payload");
    const startAttestation = () => Promise.reject(failure);
    await assert.rejects(attest([], { attestor: { startAttestation } }), failure);
    const respond = () => Promise.reject(failure);
    const start = async () => ({ payload: Buffer.from("x"), respond, [Symbol.asyncDispose]: async () => {} });
    await assert.rejects(attest([challenge("one")], { attestor: { startAttestation: start } }), failure);
  });

  it("fails when the server gives no bundle, or one that cannot be trusted", async () => {
    const getBundle = () => {
      throw new StatusError(Code.Internal, "X", "no bundle");
    };
    await assert.rejects(attest([result(chainDer)], { getBundle }), {
      code: Code.Internal,
      message: "failed to get updated bundle: no bundle",
    });
    const malformed = {
      ...toWireBundle(ca.bundle),
      x509Authorities: [{ asn1: Buffer.from("x"), tainted: false }],
    };
    await assert.rejects(attest([result(chainDer)], { getBundle: () => malformed }), {
      reason: "BUNDLE_MALFORMED",
    });
  });

  it("fails with the server's refusal", async () => {
    await using server = await new FakeServer(captureLog())
      .serve(AgentDefinition, {
        attestAgent: () => {
          throw new StatusError(
            Code.InvalidArgument,
            "X",
            "join token does not exist or has already been used",
          );
        },
      })
      .show(genuine);
    const attestor: NodeAttestor = {
      name: "join_token",
      startAttestation: async () => ({
        payload: Buffer.from("t"),
        respond: async () => Buffer.alloc(1),
        [Symbol.asyncDispose]: async () => {},
      }),
    };
    const logger = captureLog();
    const attestation = nodeAttestation({ server, attestor, trustDomain: ca.trustDomain, clock, logger });
    const asked = { csrDer: Buffer.from("csr"), bundle: ca.bundle };
    await assert.rejects(attestation.attest(asked, { signal }), {
      code: Code.InvalidArgument,
      message: "failed to receive attestation response: join token does not exist or has already been used",
    });
  });
});
