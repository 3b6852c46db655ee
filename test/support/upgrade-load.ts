import { type KeyObject, randomBytes } from "node:crypto";
import { answerChallenge, encodeAttestationData } from "@finial/plugin-common-x509pop";
import { AgentDefinition } from "@finial/proto/api/server/agent/v1/agent";
import { EntryDefinition } from "@finial/proto/api/server/entry/v1/entry";
import { SVIDDefinition } from "@finial/proto/api/server/svid/v1/svid";
import { generatePrivateKey } from "@finial/sdk/crypto";
import { createClient, openChannel } from "@finial/sdk/internal";
import { credentials } from "@grpc/grpc-js";
import { certificateRequest } from "./attested-client.ts";
import { keepCalling, Latencies } from "./kill/latencies.ts";

const deadlineMs = 20_000;

/** A node with a certificate of its own. */
export interface PopNode {
  readonly key: KeyObject;
  readonly chainDer: readonly Buffer[];
}

/** 200 calls a second at a server, in which each of its plugins has its part. */
export class UpgradeLoad implements AsyncDisposable {
  readonly calls = [
    new Latencies("entries written and read"),
    new Latencies("tokens signed"),
    new Latencies("nodes attested"),
  ] as const;
  readonly #stop = new AbortController();
  readonly #work: readonly Promise<unknown>[];
  readonly #owned: DisposableStack;

  private constructor(
    owned: DisposableStack,
    calls: readonly (readonly [everyMs: number, call: () => Promise<void>])[],
  ) {
    this.#owned = owned;
    this.#work = calls.map(([everyMs, call], index) => {
      const latencies = this.calls[index];
      if (latencies === undefined) throw new TypeError("a kind of call that is not counted");
      return keepCalling(latencies, everyMs, call, this.#stop.signal);
    });
  }

  static async start(options: {
    readonly adminSocket: string;
    readonly trustDomain: string;
    readonly node: PopNode;
  }): Promise<UpgradeLoad> {
    const { adminSocket, trustDomain, node } = options;
    using owned = new DisposableStack();
    const channel = owned.use(openChannel(`unix:${adminSocket}`, credentials.createInsecure()));
    const entries = createClient(EntryDefinition, channel);
    const svids = createClient(SVIDDefinition, channel);
    const agents = createClient(AgentDefinition, channel);
    let count = 0;
    const store = async (): Promise<void> => {
      const path = `/upgraded/${++count}`;
      const entry = {
        spiffeId: { trustDomain, path },
        parentId: { trustDomain, path: "/node" },
        selectors: [{ type: "unix", value: `uid:${count}` }],
      };
      const { results } = await entries.batchCreateEntry({ entries: [entry] }, { deadlineMs });
      const [created] = results;
      if (created?.status?.code !== 0) throw new Error(`not created: ${created?.status?.message}`);
      const { spiffeId } = await entries.getEntry({ id: created.entry?.id ?? "" }, { deadlineMs });
      if (spiffeId?.path !== path) throw new Error(`an entry of ${spiffeId?.path} in the place of ${path}`);
    };
    const sign = async (): Promise<void> => {
      const request = { id: { trustDomain, path: "/minted" }, audience: ["upgrade"] };
      const { svid } = await svids.mintJWTSVID(request, { deadlineMs });
      if (!svid?.token) throw new Error("no token");
    };
    const csr = await certificateRequest(await generatePrivateKey("ec-p256"));
    const attest = async (): Promise<void> => {
      const call = agents.attestAgent({ deadlineMs });
      const data = { type: "x509pop", payload: encodeAttestationData(node.chainDer) };
      await call.send({ step: { $case: "params", value: { data, params: { csr } } } });
      for await (const { step } of call) {
        if (step?.$case === "result") {
          call.end();
          return;
        }
        const challenge = step?.value ?? Buffer.alloc(0);
        const value = await answerChallenge(node.key, challenge, randomBytes);
        await call.send({ step: { $case: "challengeResponse", value } });
      }
      throw new Error("the attestation ended without a result");
    };
    await Promise.all([store(), sign(), attest()]);
    // An entry is two calls.
    return new UpgradeLoad(owned.move(), [
      [20, store],
      [10, sign],
      // One node is attested after the other: they are all the same.
      [200, attest],
    ]);
  }

  get count(): number {
    const [stored, signed, attested] = this.calls.map(({ count }) => count);
    return 2 * (stored ?? 0) + (signed ?? 0) + (attested ?? 0);
  }

  get failures(): readonly string[] {
    return this.calls.flatMap(({ name, failures }) => failures.map((failure) => `${name}: ${failure}`));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#stop.abort();
    await Promise.all(this.#work);
    this.#owned.dispose();
  }
}
