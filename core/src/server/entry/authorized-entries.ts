import type { Clock, Logger } from "@finial/sdk";
import { parseSpiffeId, type RegistrationEntry, type SpiffeId, type TrustDomain } from "@finial/sdk/spiffe";
import type { DataStore, StoreChange, StorePosition } from "../facade/datastore.ts";
import { EntryIndex } from "./entry-index.ts";

/** Answers at once, from memory, which entries an agent may have. */
export interface AuthorizedEntries {
  /** All of the agent's, each once, in no order. */
  authorizedEntries(agentId: SpiffeId): readonly RegistrationEntry[];
  /** The entry, if the agent may have it. */
  findAuthorizedEntry(agentId: SpiffeId, entryId: string): RegistrationEntry | undefined;
  isAuthorized(agentId: SpiffeId, entryId: string): boolean;
}

export interface AuthorizedEntriesOptions {
  readonly store: Pick<
    DataStore,
    "watchChanges" | "listEntries" | "findEntries" | "findNode" | "getNodeSelectors" | "listNodeSelectors"
  >;
  readonly trustDomain: TrustDomain;
  readonly clock: Clock;
  readonly logger: Logger;
  /** Everything is loaded anew this often, whatever the changes said; a day by default. */
  readonly fullReloadIntervalMs?: number;
}

const retryMs = { first: 100, most: 5_000 };

/**
 * Loads the entries and agents' selectors, then follows the store's changes until disposed.
 *
 * While the store is away the answers are those of before; it is tried again until it is back.
 * @throws {StatusError} what the store throws while loading for the first time
 */
export async function openAuthorizedEntries(
  options: AuthorizedEntriesOptions,
): Promise<AuthorizedEntries & AsyncDisposable> {
  const follower = new StoreFollower(options);
  await follower.start();
  return follower;
}

class StoreFollower implements AuthorizedEntries, AsyncDisposable {
  readonly #options: AuthorizedEntriesOptions;
  readonly #stop = new AbortController();
  #index: EntryIndex;
  /** Up to which the index is as the store; undefined when it has to be loaded. */
  #position: StorePosition | undefined;
  #following: Promise<void> = Promise.resolve();

  constructor(options: AuthorizedEntriesOptions) {
    this.#options = options;
    this.#index = new EntryIndex(options.trustDomain);
  }

  authorizedEntries(agentId: SpiffeId): readonly RegistrationEntry[] {
    return this.#index.entriesOf(agentId);
  }

  findAuthorizedEntry(agentId: SpiffeId, entryId: string): RegistrationEntry | undefined {
    return this.#index.findEntryOf(agentId, entryId);
  }

  isAuthorized(agentId: SpiffeId, entryId: string): boolean {
    return this.#index.findEntryOf(agentId, entryId) !== undefined;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#stop.abort();
    await this.#following;
  }

  /** Resolves when the first load is done. */
  async start(): Promise<void> {
    const loaded = Promise.withResolvers<void>();
    this.#following = this.#follow(loaded);
    try {
      await loaded.promise;
    } catch (error) {
      this.#stop.abort();
      await this.#following;
      throw error;
    }
  }

  async #follow(loaded: PromiseWithResolvers<void>): Promise<void> {
    const { logger, clock } = this.#options;
    let delayMs = retryMs.first;
    while (!this.#stop.signal.aborted) {
      try {
        await this.#watch(() => {
          delayMs = retryMs.first;
          loaded.resolve();
        });
      } catch (error) {
        // Says it to a caller that still waits; a later failure has only the log.
        loaded.reject(error);
        if (this.#stop.signal.aborted) return;
        logger.error("Failed to update entry cache", { error });
      }
      await clock.sleep(delayMs, { signal: this.#stop.signal }).catch(() => undefined);
      delayMs = Math.min(delayMs * 2, retryMs.most);
    }
  }

  /** One watch, up to its end or the time to load all anew. */
  async #watch(onLoaded: () => void): Promise<void> {
    const { store, clock, fullReloadIntervalMs = 24 * 3_600_000 } = this.#options;
    const end = new AbortController();
    const signal = AbortSignal.any([this.#stop.signal, end.signal]);
    let due = false;
    const timer = clock.sleep(fullReloadIntervalMs, { signal }).then(
      () => {
        due = true;
        this.#position = undefined;
        end.abort();
      },
      () => undefined,
    );
    try {
      const after = this.#position;
      let epoch = "";
      const stream = store.watchChanges({ signal, ...(after !== undefined && { after }) });
      for await (const changes of batches(stream, () => end.abort())) {
        for (const change of changes) if (change.kind === "reset") epoch = change.epoch;
        if (changes.some((change) => change.kind === "reset" && !this.#continues(change))) {
          // What came with the reset is in the store already.
          this.#position = undefined;
          this.#index = await this.#load();
        } else await this.#apply(changes);
        const last = changes.at(-1);
        if (!due) this.#position = last && { epoch, revision: last.revision };
        onLoaded();
      }
    } catch (error) {
      if (!due) throw error;
    } finally {
      end.abort();
      await timer;
    }
  }

  /** Whether the stream goes on where the last one ended: the index is as good as it was. */
  #continues({ revision }: StoreChange): boolean {
    return revision === this.#position?.revision;
  }

  async #load(): Promise<EntryIndex> {
    const { store, trustDomain, clock } = this.#options;
    const index = new EntryIndex(trustDomain);
    const entries = await store.listEntries();
    for (const entry of entries.items) index.setEntry(entry);
    const selectors = await store.listNodeSelectors({ validAt: clock.now() });
    for (const [agentId, held] of selectors) index.setAgent(agentId, held);
    return index;
  }

  async #apply(changes: readonly StoreChange[]): Promise<void> {
    const entryIds = new Set<string>();
    const agentIds = new Set<string>();
    for (const change of changes) {
      if (change.kind === "entry") entryIds.add(change.entryId);
      else if (change.kind === "node") agentIds.add(change.spiffeId);
    }
    if (entryIds.size > 0) await this.#refreshEntries([...entryIds]);
    for (const agentId of agentIds) await this.#refreshAgent(agentId);
  }

  async #refreshEntries(ids: readonly string[]): Promise<void> {
    const present = await this.#options.store.findEntries(ids);
    const missing = new Set(ids);
    for (const entry of present) {
      this.#index.setEntry(entry);
      missing.delete(entry.id);
    }
    for (const id of missing) this.#index.deleteEntry(id);
  }

  async #refreshAgent(agentId: string): Promise<void> {
    const { store } = this.#options;
    const spiffeId = parseSpiffeId(agentId);
    const node = await store.findNode(spiffeId);
    if (node === undefined) this.#index.deleteAgent(agentId);
    else this.#index.setAgent(agentId, await store.getNodeSelectors(spiffeId));
  }
}

/**
 * What a stream gives, in groups: all that came while the last group was worked on.
 *
 * @param end makes the stream end, so that it can be left while it waits
 */
async function* batches<T>(items: AsyncIterable<T>, end: () => void): AsyncGenerator<readonly T[]> {
  let arrived: T[] = [];
  let wake = Promise.withResolvers<void>();
  let over = false;
  const read = async (): Promise<void> => {
    try {
      for await (const item of items) {
        arrived.push(item);
        wake.resolve();
      }
    } finally {
      over = true;
      wake.resolve();
    }
  };
  const reading = read();
  // Awaited below; until then its failure is nobody's surprise.
  reading.catch(() => undefined);
  try {
    while (!over || arrived.length > 0) {
      await wake.promise;
      wake = Promise.withResolvers();
      const group = arrived;
      arrived = [];
      if (group.length > 0) yield group;
    }
    await reading;
  } finally {
    end();
    await reading.catch(() => undefined);
  }
}
