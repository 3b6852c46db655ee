import assert from "node:assert/strict";
import { createHmac, randomBytes, randomUUID } from "node:crypto";
import { NodeAttestor as AgentNodeAttestor } from "../../agent.ts";
import { decodeConfig, string } from "../../hcl/index.ts";
import { definePlugin } from "../../plugin/define-plugin.ts";
import { NodeAttestor as ServerNodeAttestor } from "../../server.ts";
import { Code } from "../../status/code.ts";
import { StatusError } from "../../status/status-error.ts";
import { loadPlugin } from "../load-plugin.ts";
import { agentNodeAttestorContract, serverNodeAttestorContract } from "./nodeattestor.ts";

/** Whoever knows the secret is let in by the name it says. */
const secret = "secret";
const config = `secret = "${secret}"`;
const answerTo = (challenge: Buffer): Buffer => createHmac("sha256", secret).update(challenge).digest();
const parseSecret = (text: string) => decodeConfig(text, { secret: string({ required: true }) });

function refused(message: string): StatusError {
  return new StatusError(Code.PermissionDenied, "REFUSED", message);
}

const server = definePlugin({
  type: ServerNodeAttestor,
  name: "hmac",
  parseConfig: (text, core) => ({ ...parseSecret(text), trustDomain: core.trustDomain }),
  open: () => {
    let trustDomain = "";
    return {
      configure: (parsed) => {
        trustDomain = parsed.trustDomain.name;
      },
      service: {
        attest: async function* (requests) {
          const messages = requests[Symbol.asyncIterator]();
          const first = (await messages.next()).value?.request;
          if (first?.$case !== "payload" || !/^agent-[0-9a-f-]{36}$/.test(first.value.toString("latin1")))
            throw new StatusError(Code.InvalidArgument, "PAYLOAD", "the payload names no agent");
          const challenge = randomBytes(16);
          yield { response: { $case: "challenge", value: challenge } };
          const second = (await messages.next()).value?.request;
          if (second?.$case !== "challengeResponse" || !second.value.equals(answerTo(challenge)))
            throw refused("the challenge was not answered");
          const spiffeId = `spiffe://${trustDomain}/spire/agent/hmac/${first.value}`;
          yield {
            response: { $case: "agentAttributes", value: { spiffeId, selectorValues: ["known:yes"] } },
          };
        },
      },
    };
  },
});

serverNodeAttestorContract({
  load: () => loadPlugin(server, { config }),
  makeAgent: () => Promise.resolve({ payload: Buffer.from(`agent-${randomUUID()}`), respond: answerTo }),
});

const agent = definePlugin({
  type: AgentNodeAttestor,
  name: "hmac",
  parseConfig: parseSecret,
  open: () => ({
    service: {
      aidAttestation: async function* (challenges) {
        yield { data: { $case: "payload", value: Buffer.from(`agent-${randomUUID()}`) } };
        for await (const { challenge } of challenges) {
          if (challenge.length !== 16) throw refused("the challenge is none");
          yield { data: { $case: "challengeResponse", value: answerTo(challenge) } };
        }
      },
    },
  }),
});

const challenge = randomBytes(16);
agentNodeAttestorContract({
  load: () => loadPlugin(agent, { config }),
  checkPayload: (payload) => assert.match(payload.toString(), /^agent-/),
  challenge: {
    make: () => challenge,
    checkResponse: (response) => assert.deepEqual(response, answerTo(challenge)),
  },
});
