import assert from "node:assert/strict";
import { NodeAttestorDefinition as AgentDefinition } from "@finial/proto/plugin/agent/nodeattestor/v1/nodeattestor";
import {
  type AgentAttributes,
  NodeAttestorDefinition as ServerDefinition,
} from "@finial/proto/plugin/server/nodeattestor/v1/nodeattestor";
import { parseSpiffeId } from "../../spiffe/spiffe-id.ts";
import { Code } from "../../status/code.ts";
import { StatusError } from "../../status/status-error.ts";
import type { LoadedPlugin } from "../load-plugin.ts";
import { configurationContract } from "./configuration.ts";
import { messagesOf, refusalOf } from "./refusal.ts";
import { assertSelectorValues } from "./selector-values.ts";
import { describe, it } from "./suite.ts";

/** What an agent brings along to one attestation. */
export interface ContractAgent {
  readonly payload: Buffer;
  /** The answer to a challenge; absent when there is none in this method. */
  readonly respond?: (challenge: Buffer) => Promise<Buffer> | Buffer;
}

export interface ServerNodeAttestorContract {
  /** A fresh, configured plugin. */
  readonly load: () => Promise<LoadedPlugin>;
  /** An agent that the plugin just loaded lets in; another one each time. Where there is none, only refusals are demanded. */
  readonly makeAgent?: ((plugin: LoadedPlugin) => Promise<ContractAgent>) | undefined;
  /** By default `example.org`. */
  readonly trustDomain?: string;
}

/** What every NodeAttestor of a server must do, as tests of the running file. */
export function serverNodeAttestorContract(contract: ServerNodeAttestorContract): void {
  const { load, makeAgent, trustDomain = "example.org" } = contract;
  configurationContract(load);

  const checkAttributes = (attributes: AgentAttributes, plugin: LoadedPlugin): void => {
    const id = parseSpiffeId(attributes.spiffeId);
    assert.equal(id.trustDomain.name, trustDomain);
    const prefix = `/spire/agent/${plugin.name}/`;
    assert.ok(id.path.startsWith(prefix), `${id} is not below ${prefix}`);
    assertSelectorValues(attributes.selectorValues, plugin.name);
  };

  describe("the server's NodeAttestor contract", () => {
    it("refuses a payload that is none, in words that do not repeat it", async () => {
      await using plugin = await load();
      for (const payload of [
        Buffer.from("no such payload, surely"),
        Buffer.from("{}"),
        Buffer.alloc(64, 0xff),
      ]) {
        const { code, message } = await refusalOf(attest(plugin, { payload }));
        assert.ok(code !== Code.Internal, message);
        assert.ok(payload.length < 10 || !message.includes(payload.toString("latin1")), message);
      }
    });

    it("refuses an agent that begins with an answer, or says nothing", async () => {
      await using plugin = await load();
      const first = plugin.client(ServerDefinition).attest();
      await first.send({ request: { $case: "challengeResponse", value: Buffer.from("x") } });
      await refusalOf(messagesOf(first));
      const silent = plugin.client(ServerDefinition).attest();
      silent.end();
      await refusalOf(messagesOf(silent));
    });

    if (makeAgent === undefined) return;

    it("lets an agent in, names it, and ends the stream", async () => {
      await using plugin = await load();
      checkAttributes(await attest(plugin, await makeAgent(plugin)), plugin);
    });

    it("attests many agents at once", async () => {
      await using plugin = await load();
      const agents = await Promise.all(Array.from({ length: 4 }, () => makeAgent(plugin)));
      for (const attributes of await Promise.all(agents.map((agent) => attest(plugin, agent))))
        checkAttributes(attributes, plugin);
    });

    it("refuses a wrong answer to its challenge, if it challenges", async () => {
      await using plugin = await load();
      const agent = await makeAgent(plugin);
      if (agent.respond === undefined) return;
      for (const answer of [Buffer.from("wrong"), Buffer.from("{}"), Buffer.alloc(0)]) {
        const { code, message } = await refusalOf(attest(plugin, { ...agent, respond: () => answer }));
        assert.ok(code !== Code.Internal, message);
      }
    });

    it("goes on when an agent leaves half-way", async () => {
      await using plugin = await load();
      const leaving = await makeAgent(plugin);
      const stream = plugin.client(ServerDefinition).attest();
      await stream.send({ request: { $case: "payload", value: leaving.payload } });
      stream.cancel();
      checkAttributes(await attest(plugin, await makeAgent(plugin)), plugin);
    });
  });
}

/** One attestation as a host does it: it never half-closes, and reads to the end of the stream. */
async function attest(plugin: LoadedPlugin, agent: ContractAgent): Promise<AgentAttributes> {
  const stream = plugin.client(ServerDefinition).attest();
  await stream.send({ request: { $case: "payload", value: agent.payload } });
  let attributes: AgentAttributes | undefined;
  for await (const { response } of stream) {
    assert.equal(attributes, undefined, "the attributes come last");
    if (response?.$case === "challenge") {
      assert.ok(agent.respond, "a challenge nobody expected");
      const value = await agent.respond(response.value);
      await stream.send({ request: { $case: "challengeResponse", value } });
    } else {
      assert.ok(response?.$case === "agentAttributes", "neither challenge nor attributes");
      attributes = response.value;
    }
  }
  assert.ok(attributes, "the stream ended without attributes");
  return attributes;
}

export interface AgentNodeAttestorContract {
  /** A fresh, configured plugin. */
  readonly load: () => Promise<LoadedPlugin>;
  /** Checks what the plugin brings along. */
  readonly checkPayload: (payload: Buffer) => Promise<void> | void;
  /** A challenge of the server's half, and the check of its answer; absent when there is none in this method. */
  readonly challenge?: {
    readonly make: (payload: Buffer) => Promise<Buffer> | Buffer;
    readonly checkResponse: (response: Buffer) => Promise<void> | void;
  };
}

/** What every NodeAttestor of an agent must do, as tests of the running file. */
export function agentNodeAttestorContract(contract: AgentNodeAttestorContract): void {
  const { load, checkPayload, challenge } = contract;
  configurationContract(load);

  describe("the agent's NodeAttestor contract", () => {
    it("begins with its payload, unasked, each time it is called", async () => {
      await using plugin = await load();
      for (let call = 0; call < 2; call++) {
        const { payload, stream } = await begin(plugin);
        await checkPayload(payload);
        stream.cancel();
      }
    });

    it("answers a challenge, if its method has one", async () => {
      if (challenge === undefined) return;
      await using plugin = await load();
      const { payload, stream, responses } = await begin(plugin);
      await stream.send({ challenge: await challenge.make(payload) });
      const { value } = await responses.next();
      assert.ok(value?.data?.$case === "challengeResponse" && value.data.value.length > 0);
      await challenge.checkResponse(value.data.value);
      stream.cancel();
    });

    it("refuses a challenge that is none, or has ended before it comes", async () => {
      await using plugin = await load();
      const { stream, responses } = await begin(plugin);
      await stream.send({ challenge: Buffer.from("no such challenge, surely") });
      const answer = responses.next().then(({ done }) => assert.ok(done, "it answered"));
      const refused = await answer.then(
        () => undefined,
        (error: unknown) => error,
      );
      if (refused !== undefined && StatusError.from(refused).code !== Code.Cancelled)
        await refusalOf(Promise.reject(refused));
    });
  });
}

async function begin(plugin: LoadedPlugin) {
  const stream = plugin.client(AgentDefinition).aidAttestation();
  const responses = stream[Symbol.asyncIterator]();
  const { value } = await responses.next();
  assert.ok(value?.data?.$case === "payload", "the payload comes first");
  assert.ok(value.data.value.length > 0, "the payload is empty");
  return { payload: value.data.value, stream, responses };
}
