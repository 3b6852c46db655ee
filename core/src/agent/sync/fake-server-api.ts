import { Code, StatusError } from "@finial/sdk";
import type { Bundle } from "@finial/sdk/spiffe";
import type { AuthorizedEntry } from "../cache/authorized-entry.ts";
import { byId } from "../cache/fake-entry.ts";
import type { EntriesById, ServerApi } from "./server-api.ts";

type Method = keyof ServerApi;
type Requests = Parameters<ServerApi["newX509Svids"]>[0];

/** A server that has what it is given, remembers what it was asked, and fails when it is told to. For tests. */
export class FakeServerApi implements ServerApi {
  entries: readonly AuthorizedEntry[] = [];
  /** The own one first. */
  bundles: readonly Bundle[];
  readonly calls: Method[] = [];
  readonly batches: (readonly string[])[] = [];
  /** What each call does before it answers. */
  before: (method: Method) => Promise<void> | void = () => {};
  readonly #issue: (entry: AuthorizedEntry, csrDer: Buffer) => Promise<readonly Buffer[] | undefined>;

  /** @param issue the chain for an entry; undefined refuses. */
  constructor(
    own: Bundle,
    issue: (entry: AuthorizedEntry, csrDer: Buffer) => Promise<readonly Buffer[] | undefined>,
  ) {
    this.bundles = [own];
    this.#issue = issue;
  }

  count(method: Method): number {
    return this.calls.filter((call) => call === method).length;
  }

  async syncEntries(): Promise<EntriesById> {
    return await this.#answer("syncEntries", () => byId(this.entries));
  }

  async getEntries(): Promise<EntriesById> {
    return await this.#answer("getEntries", () => byId(this.entries));
  }

  async findBundle(): Promise<Bundle | undefined> {
    return await this.#answer("findBundle", () => this.bundles[0]);
  }

  async findFederatedBundle(trustDomain: Bundle["trustDomain"]): Promise<Bundle | undefined> {
    const isIt = (bundle: Bundle): boolean => bundle.trustDomain.equals(trustDomain);
    return await this.#answer("findFederatedBundle", () => this.bundles.slice(1).find(isIt));
  }

  async newX509Svids(requests: Requests): Promise<ReadonlyMap<string, readonly Buffer[]>> {
    this.batches.push(requests.map(({ entryId }) => entryId));
    const known = byId(this.entries);
    return await this.#answer("newX509Svids", async () => {
      const chains = new Map<string, readonly Buffer[]>();
      for (const { entryId, csrDer } of requests) {
        const entry = known.get(entryId);
        const chain = entry && (await this.#issue(entry, csrDer));
        if (chain !== undefined) chains.set(entryId, chain);
      }
      return chains;
    });
  }

  newJwtSvid(): never {
    throw new StatusError(Code.Unimplemented, "FAKE", "not in this fake");
  }

  async postStatus(): Promise<void> {
    await this.#answer("postStatus", () => undefined);
  }

  renewAgent(): never {
    throw new StatusError(Code.Unimplemented, "FAKE", "not in this fake");
  }

  async #answer<T>(method: Method, make: () => T | Promise<T>): Promise<T> {
    this.calls.push(method);
    await this.before(method);
    return await make();
  }
}
