import { X509Certificate } from "node:crypto";
import { EntryDefinition } from "@finial/proto/api/server/entry/v1/entry";
import { SVIDDefinition } from "@finial/proto/api/server/svid/v1/svid";
import { Certificate, CertificateRequest, generatePrivateKey } from "@finial/sdk/crypto";
import type { Client } from "@finial/sdk/internal";
import { AttestedClient, certificateRequest, type ServerAddress } from "@finial/test/support/attested-client";
import { eventually } from "@finial/test/support/eventually";
import { countFor, inFlight } from "./in-flight.ts";
import { UnaryCaller } from "./unary-caller.ts";

/** Keys are made on the thread pool: as many at once keep it busy. */
const keysInFlight = 64;
/** Agents have a connection each. */
const jwtConnections = 4;
/** A spire-server sees a new entry after up to five seconds. */
const entryLimitMs = 20_000;

/** An agent that asks for SVIDs and keeps none. */
export class LoadAgent implements Disposable {
  readonly #client: AttestedClient;
  readonly #svids: Client<typeof SVIDDefinition>;
  readonly #jwtCallers: readonly UnaryCaller<typeof SVIDDefinition.methods.newJWTSVID>[];
  readonly #authority: X509Certificate;
  readonly #entryId: string;
  #requests: Buffer[] = [];

  private constructor(
    client: AttestedClient,
    jwtCallers: readonly UnaryCaller<typeof SVIDDefinition.methods.newJWTSVID>[],
    authority: X509Certificate,
    entryId: string,
  ) {
    this.#client = client;
    this.#jwtCallers = jwtCallers;
    this.#svids = client.client(SVIDDefinition);
    this.#authority = authority;
    this.#entryId = entryId;
  }

  static async attest(server: ServerAddress, joinToken: string): Promise<LoadAgent> {
    const client = await AttestedClient.attest(server, joinToken);
    const entries = client.client(EntryDefinition);
    const entryId = await eventually(
      async () => {
        const { entries: mine } = await entries.getAuthorizedEntries({ outputMask: { spiffeId: true } });
        const found = mine.find(({ spiffeId }) => spiffeId?.path.startsWith("/workload/"));
        if (found === undefined) throw new Error("the agent has no entry for a workload");
        return found.id;
      },
      { timeoutMs: entryLimitMs },
    );
    const { newJWTSVID } = SVIDDefinition.methods;
    const jwtCallers = await Promise.all(
      Array.from({ length: jwtConnections }, () =>
        UnaryCaller.connect(server, client.svid, SVIDDefinition, newJWTSVID),
      ),
    );
    return new LoadAgent(client, jwtCallers, new X509Certificate(server.bundlePem), entryId);
  }

  async makeRequests(count: number): Promise<void> {
    await inFlight(Array(count).fill(undefined), keysInFlight, async () => {
      this.#requests.push(await certificateRequest(await generatePrivateKey("ec-p256")));
    });
  }

  /** Sends the requests that were made, each once. @returns how many SVIDs came. */
  async fetchX509Svids(options: {
    readonly perCall: number;
    readonly callsInFlight: number;
    readonly keep?: boolean;
  }): Promise<number> {
    const { perCall, callsInFlight, keep = false } = options;
    const requests = this.#requests;
    if (!keep) this.#requests = [];
    const calls = Array.from({ length: Math.ceil(requests.length / perCall) }, (_, index) =>
      requests.slice(index * perCall, (index + 1) * perCall),
    );
    const chains = new Map<Buffer, readonly Buffer[]>();
    await inFlight(calls, callsInFlight, async (csrs) => {
      const params = csrs.map((csr) => ({ entryId: this.#entryId, csr }));
      const { results } = await this.#svids.batchNewX509SVID({ params });
      for (const [index, { status, svid }] of results.entries()) {
        const csr = csrs[index];
        if (status?.code !== 0 || svid === undefined || csr === undefined)
          throw new Error(`an SVID was refused: ${status?.message}`);
        chains.set(csr, svid.certChain);
      }
    });
    for (const [csr, chain] of [...chains].filter((_, index) => index % 1000 === 0)) this.#check(csr, chain);
    return chains.size;
  }

  /** @returns how many tokens came, no two the same. */
  async fetchJwtSvids(durationMs: number, callsInFlight: number): Promise<number> {
    const tokens = new Set<string>();
    const count = countFor(durationMs);
    const fetchOver = (caller: UnaryCaller<typeof SVIDDefinition.methods.newJWTSVID>): Promise<void> =>
      inFlight(count, callsInFlight / this.#jwtCallers.length, async (index) => {
        const audience = [`spiffe://example.org/service/${index}`];
        const { svid } = await caller.call({ entryId: this.#entryId, audience });
        if (svid !== undefined) tokens.add(svid.token);
      });
    await Promise.all(this.#jwtCallers.map(fetchOver));
    return tokens.size;
  }

  /** What was measured were SVIDs: signed by the trust domain, for the key that was asked for. */
  #check(csr: Buffer, [leafDer = Buffer.alloc(0)]: readonly Buffer[]): void {
    const leaf = Certificate.parse(leafDer);
    const { publicKey } = Certificate.parse(this.#authority.raw);
    if (!leaf.isSignedBy(publicKey)) throw new Error("an SVID is not signed by the trust bundle");
    if (!leaf.publicKey.equals(CertificateRequest.parse(csr).publicKey))
      throw new Error("an SVID is not for the key that was sent");
  }

  [Symbol.dispose](): void {
    for (const caller of this.#jwtCallers) caller[Symbol.dispose]();
    this.#client[Symbol.dispose]();
  }
}
