import assert from "node:assert/strict";
import { describe, it } from "node:test";
import type {
  Challenge,
  PayloadOrChallengeResponse,
} from "@finial/proto/plugin/agent/nodeattestor/v1/nodeattestor";
import { Code, definePlugin, StatusError } from "@finial/sdk";
import { NodeAttestor } from "@finial/sdk/agent";
import type { PartialMessage } from "@finial/sdk/internal";
import { loadPlugin } from "@finial/sdk/testing";
import { bindNodeAttestorV1 } from "./nodeattestor-v1.ts";

type Answer = PartialMessage<PayloadOrChallengeResponse>;

const payload = (text: string): Answer => ({ data: { $case: "payload", value: Buffer.from(text) } });
const response = (text: string): Answer => ({
  data: { $case: "challengeResponse", value: Buffer.from(text) },
});

async function load(run: (challenges: AsyncIterable<Challenge>) => AsyncIterable<Answer>) {
  const ended = Promise.withResolvers<void>();
  const plugin = definePlugin({
    type: NodeAttestor,
    name: "test",
    open: () => ({
      service: {
        aidAttestation: async function* (challenges: AsyncIterable<Challenge>) {
          try {
            yield* run(challenges);
          } finally {
            ended.resolve();
          }
        },
      },
    }),
  });
  const loaded = await loadPlugin(plugin);
  const { signal } = new AbortController();
  return {
    ended: ended.promise,
    loaded,
    start: () => bindNodeAttestorV1(loaded).startAttestation({ signal }),
  };
}

describe("bindNodeAttestorV1()", () => {
  it("gives the payload first, then an answer to each challenge, and lets the plugin go", async () => {
    const { ended, loaded, start } = await load(async function* (challenges) {
      yield payload("payload");
      for await (const { challenge } of challenges) yield response(`answer to ${challenge}`);
    });
    await using _ = loaded;
    {
      await using aid = await start();
      assert.deepEqual(aid.payload, Buffer.from("payload"));
      assert.deepEqual(await aid.respond(Buffer.from("one")), Buffer.from("answer to one"));
      assert.deepEqual(await aid.respond(Buffer.from("two")), Buffer.from("answer to two"));
    }
    await ended;
  });

  const noPayload: readonly {
    readonly title: string;
    readonly answers: readonly Answer[];
    readonly message: string;
  }[] = [
    {
      title: "nothing",
      answers: [],
      message: "nodeattestor(test): plugin closed stream before returning attestation data",
    },
    {
      title: "an empty message",
      answers: [{}],
      message: "nodeattestor(test): plugin response missing attestation payload",
    },
    {
      title: "an empty payload",
      answers: [payload("")],
      message: "nodeattestor(test): plugin response missing attestation payload",
    },
    {
      title: "an answer to a challenge that nobody made",
      answers: [response("x")],
      message: "nodeattestor(test): plugin response missing attestation payload",
    },
  ];
  for (const { title, answers, message } of noPayload)
    it(`refuses ${title} in place of a payload`, async () => {
      const { loaded, start } = await load(async function* () {
        yield* answers;
      });
      await using _ = loaded;
      await assert.rejects(start(), { code: Code.Internal, reason: "PLUGIN_RESPONSE", message });
    });

  const noAnswer: readonly {
    readonly title: string;
    readonly answers: readonly Answer[];
    readonly message: string;
  }[] = [
    {
      title: "nothing",
      answers: [],
      message: "nodeattestor(test): plugin closed stream before handling the challenge",
    },
    {
      title: "an empty answer",
      answers: [response("")],
      message: "nodeattestor(test): plugin response missing challenge response",
    },
    {
      title: "another payload",
      answers: [payload("x")],
      message: "nodeattestor(test): plugin response missing challenge response",
    },
  ];
  for (const { title, answers, message } of noAnswer)
    it(`refuses ${title} in place of an answer to a challenge`, async () => {
      const { loaded, start } = await load(async function* (challenges) {
        yield payload("payload");
        for await (const _ of challenges) {
          yield* answers;
          return;
        }
      });
      await using _ = loaded;
      await using aid = await start();
      await assert.rejects(aid.respond(Buffer.from("x")), {
        code: Code.Internal,
        reason: "PLUGIN_RESPONSE",
        message,
      });
    });

  it("says whose failure it is", async () => {
    const { loaded, start } = await load(() => {
      throw new StatusError(Code.FailedPrecondition, "X", "not configured");
    });
    await using _ = loaded;
    await assert.rejects(start(), {
      code: Code.FailedPrecondition,
      message: "nodeattestor(test): not configured",
    });
  });
});
