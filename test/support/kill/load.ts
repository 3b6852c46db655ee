import { EntryDefinition } from "@finial/proto/api/server/entry/v1/entry";
import { SVIDDefinition } from "@finial/proto/api/server/svid/v1/svid";
import { SpiffeWorkloadAPIDefinition } from "@finial/proto/workload/workload";
import { generatePrivateKey } from "@finial/sdk/crypto";
import { type Channel, createClient, openChannel } from "@finial/sdk/internal";
import { credentials } from "@grpc/grpc-js";
import { AttestedClient, certificateRequest, type ServerAddress } from "../attested-client.ts";
import { eventually } from "../eventually.ts";
import { keepCalling, Latencies } from "./latencies.ts";

const metadata = { "workload.spiffe.io": "true" };
const svidsACall = 5;
/** A connection that leaves too many streams is ended by the agent, as an attack. */
const fetchesAConnection = 500;

/** What goes on at a server and an agent while their plugins die. */
export class Load implements AsyncDisposable {
  /** Calls for five X.509-SVIDs each, made at the server. */
  readonly issued = new Latencies("issuing");
  /** Fetches of an X.509-SVID that the agent has. */
  readonly cached = new Latencies("cached fetch");
  /** Fetches of a JWT-SVID that the agent has to have made. */
  readonly uncached = new Latencies("uncached fetch");
  /** Why streams of the Workload API ended. */
  readonly closed: string[] = [];
  readonly #stop = new AbortController();
  readonly #work: Promise<unknown>[] = [];
  readonly #owned: DisposableStack;

  private constructor(owned: DisposableStack) {
    this.#owned = owned;
  }

  /** Begins at once; everything has worked once when it returns. */
  static async start(options: {
    readonly server: ServerAddress;
    readonly joinToken: string;
    readonly workloadSocket: string;
    readonly streams: number;
  }): Promise<Load> {
    const { server, joinToken, workloadSocket, streams } = options;
    using owned = new DisposableStack();
    const client = owned.use(await AttestedClient.attest(server, joinToken));
    const entryId = await findEntry(client);
    const params: { entryId: string; csr: Buffer }[] = [];
    for (let index = 0; index < svidsACall; index++)
      params.push({ entryId, csr: await certificateRequest(await generatePrivateKey("ec-p256")) });
    const svids = client.client(SVIDDefinition);
    const load = new Load(owned.move());
    const issue = async (): Promise<void> => {
      const { results } = await svids.batchNewX509SVID({ params }, { deadlineMs: 20_000 });
      const failed = results.find(({ status }) => status?.code !== 0);
      if (failed !== undefined) throw new Error(failed.status?.message);
    };
    await issue();
    let fetches = 0;
    let channel = openUnix(workloadSocket);
    const fetchCached = async (): Promise<void> => {
      // A new connection is a process that is attested anew.
      if (++fetches % fetchesAConnection === 0) {
        channel.close();
        channel = openUnix(workloadSocket);
      }
      await firstOf(createClient(SpiffeWorkloadAPIDefinition, channel).fetchX509SVID({}, { metadata }));
    };
    load.#owned.defer(() => channel.close());
    // The agent learns of the entry by its next sync.
    await eventually(fetchCached, { timeoutMs: 20_000 });
    let audiences = 0;
    const jwtChannel = load.#owned.use(openUnix(workloadSocket));
    const fetchUncached = async (): Promise<void> => {
      const audience = [`audience-${++audiences}`];
      const workload = createClient(SpiffeWorkloadAPIDefinition, jwtChannel);
      await workload.fetchJWTSVID({ audience }, { metadata, deadlineMs: 20_000 });
    };
    await fetchUncached();
    const { signal } = load.#stop;
    load.#work.push(
      keepCalling(load.issued, 50, issue, signal),
      keepCalling(load.cached, 50, fetchCached, signal),
      keepCalling(load.uncached, 200, fetchUncached, signal),
    );
    await load.#openStreams(workloadSocket, streams);
    return load;
  }

  /** Each has had its first message when this returns. */
  async #openStreams(workloadSocket: string, count: number): Promise<void> {
    const first = Array.from({ length: count }, () => Promise.withResolvers<void>());
    for (const [index, opened] of first.entries()) {
      const channel = this.#owned.use(openUnix(workloadSocket));
      const follow = async (): Promise<void> => {
        const { signal } = this.#stop;
        try {
          const workload = createClient(SpiffeWorkloadAPIDefinition, channel);
          for await (const { svids } of workload.fetchX509SVID({}, { metadata, signal })) {
            if (svids.length === 0) throw new Error("a message without an SVID");
            opened.resolve();
          }
          throw new Error("the agent ended it");
        } catch (error) {
          if (signal.aborted) return;
          this.closed.push(`stream ${index}: ${error instanceof Error ? error.message : error}`);
          opened.reject(error);
        }
      };
      this.#work.push(follow());
    }
    await Promise.all(first.map(({ promise }) => promise));
  }

  forget(): void {
    for (const latencies of [this.issued, this.cached, this.uncached]) latencies.forget();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#stop.abort();
    await Promise.all(this.#work);
    this.#owned.dispose();
  }
}

async function findEntry(client: AttestedClient): Promise<string> {
  const entries = client.client(EntryDefinition);
  return await eventually(
    async () => {
      const { entries: mine } = await entries.getAuthorizedEntries({ outputMask: { spiffeId: true } });
      const found = mine.find(({ spiffeId }) => spiffeId?.path === "/workload");
      if (found === undefined) throw new Error("the agent has no entry for a workload");
      return found.id;
    },
    { timeoutMs: 15_000 },
  );
}

function openUnix(path: string): Channel {
  return openChannel(`unix:${path}`, credentials.createInsecure());
}

async function firstOf(messages: AsyncIterable<{ readonly svids: readonly unknown[] }>): Promise<void> {
  for await (const { svids } of messages) {
    if (svids.length === 0) break;
    return;
  }
  throw new Error("the agent gave no X509-SVID");
}
