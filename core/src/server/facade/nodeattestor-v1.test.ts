import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { Code, definePlugin, type Handlers, StatusError } from "@finial/sdk";
import { NodeAttestor } from "@finial/sdk/server";
import { parseSpiffeId } from "@finial/sdk/spiffe";
import { loadPlugin } from "@finial/sdk/testing";
import { bindNodeAttestorV1 } from "./nodeattestor-v1.ts";

type Attest = Handlers<(typeof NodeAttestor)["definition"]>["attest"];

const id = "spiffe://example.org/spire/agent/test/a";

async function bound(attest: Attest) {
  const plugin = definePlugin({ type: NodeAttestor, name: "test", open: () => ({ service: { attest } }) });
  const loaded = await loadPlugin(plugin);
  return { attestor: bindNodeAttestorV1(loaded), [Symbol.asyncDispose]: () => loaded[Symbol.asyncDispose]() };
}

const options = { signal: new AbortController().signal, forwardedHost: "", clientIp: "" };
const noChallenge = (): Promise<never> => assert.fail("a challenge came");

function attributes(value: object) {
  return { response: { $case: "agentAttributes" as const, value } };
}

describe("bindNodeAttestorV1()", () => {
  it("relays payload, challenges and answers, and tells where the agent is", async () => {
    const heard: unknown[] = [];
    await using at = await bound(async function* (requests, { metadata }) {
      heard.push(metadata.get("x-untrusted-forwarded-host"), metadata.get("x-forwarded-client-ip"));
      for await (const { request } of requests) {
        heard.push([request?.$case, String(request?.value)]);
        if (request?.$case === "payload") yield { response: { $case: "challenge", value: Buffer.from("?") } };
        else yield attributes({ spiffeId: id, selectorValues: ["cn:a", "cn:b"], canReattest: true });
      }
    });
    const agent = await at.attestor.attest(
      Buffer.from("payload"),
      async (challenge) => Buffer.concat([challenge, Buffer.from("!")]),
      { ...options, forwardedHost: "spire.example.org", clientIp: "10.0.0.1" },
    );
    assert.deepEqual(heard, [
      ["spire.example.org"],
      ["10.0.0.1"],
      ["payload", "payload"],
      ["challengeResponse", "?!"],
    ]);
    assert.deepEqual(agent, {
      spiffeId: parseSpiffeId(id),
      selectors: [
        { type: "test", value: "cn:a" },
        { type: "test", value: "cn:b" },
      ],
      canReattest: true,
    });
  });

  it("says nothing of where the agent is when that is not known", async () => {
    let heard: unknown;
    await using at = await bound(async function* (_, { metadata }) {
      heard = [metadata.get("x-untrusted-forwarded-host"), metadata.get("x-forwarded-client-ip")];
      yield attributes({ spiffeId: id });
    });
    await at.attestor.attest(Buffer.of(1), noChallenge, options);
    assert.deepEqual(heard, [[], []]);
  });

  const answers: readonly [title: string, answer: object | undefined, message: string][] = [
    ["an end without an answer", undefined, "plugin closed stream unexpectedly"],
    ["an empty message", {}, "plugin response missing challenge or agent attributes"],
    ["an agent without an ID", attributes({}), "plugin response missing agent ID"],
    [
      "an ID that is none",
      attributes({ spiffeId: "spiffe://example.org/spire/agent/../server" }),
      "plugin response is malformed: path cannot contain dot segments",
    ],
    [
      "a selector of nothing",
      attributes({ spiffeId: id, selectorValues: [""] }),
      "plugin response is malformed: missing selector value",
    ],
  ];
  for (const [title, answer, message] of answers) {
    it(`distrusts ${title}`, async () => {
      await using at = await bound(async function* () {
        if (answer !== undefined) yield answer;
      });
      await assert.rejects(at.attestor.attest(Buffer.of(1), noChallenge, options), (error) => {
        const status = StatusError.from(error);
        assert.deepEqual([status.code, status.message], [Code.Internal, `nodeattestor(test): ${message}`]);
        return true;
      });
    });
  }

  it("does not ask the plugin about nothing", async () => {
    await using at = await bound(async function* () {
      yield assert.fail("it was asked");
    });
    await assert.rejects(at.attestor.attest(Buffer.alloc(0), noChallenge, options), {
      code: Code.InvalidArgument,
      message: "nodeattestor(test): payload cannot be empty",
    });
  });

  it("passes on what the plugin says of the agent", async () => {
    await using at = await bound(async function* () {
      yield await Promise.reject(new StatusError(Code.PermissionDenied, "NO", "certificate is not trusted"));
    });
    await assert.rejects(at.attestor.attest(Buffer.of(1), noChallenge, options), {
      code: Code.PermissionDenied,
      message: "nodeattestor(test): certificate is not trusted",
    });
  });

  it("ends the attestation when the agent fails to answer, and when it goes away", async () => {
    for (const leave of ["fails", "goes away"]) {
      const ended = Promise.withResolvers<void>();
      await using at = await bound(async function* (_, { signal }) {
        signal.addEventListener("abort", () => ended.resolve(), { once: true });
        yield { response: { $case: "challenge", value: Buffer.from("?") } };
        await new Promise(() => undefined);
      });
      const gone = new AbortController();
      const challenge = async (): Promise<Buffer> => {
        if (leave === "fails")
          throw new StatusError(Code.Internal, "X", "failed to receive challenge from agent");
        gone.abort();
        return await new Promise(() => undefined);
      };
      const attesting = at.attestor.attest(Buffer.of(1), challenge, { ...options, signal: gone.signal });
      if (leave === "fails") await assert.rejects(attesting, { code: Code.Internal });
      await ended.promise;
    }
  });
});
