import { type Clock, Code, type Logger, StatusError } from "@finial/sdk";
import type { SpiffeId } from "@finial/sdk/spiffe";
import type { AttestedNode, DataStore, NodeUpdate } from "../facade/datastore.ts";

/** Nodes nobody asked about for a while make room for others. */
const mostNodes = 20_000;
const retryMs = { first: 100, most: 5000 };

type NodeStore = Pick<DataStore, "findNode" | "updateNode" | "deleteNode" | "createNode" | "watchChanges">;

/**
 * Attested nodes, remembered between the calls of an agent. A remembered node is as good as a read: it is forgotten with each
 * change the store tells of, with each write made here before the write is answered, and altogether whenever the store cannot
 * be heard.
 */
export class AttestedNodes {
  readonly #store: NodeStore;
  readonly #clock: Clock;
  readonly #logger: Logger;
  readonly #remembered = new Map<string, AttestedNode>();
  /** The last work on each node that is being worked on. */
  readonly #turns = new Map<string, Promise<unknown>>();
  /** Grows with everything that makes a node be forgotten: a read that began before must not be remembered. */
  #generation = 0;
  #listening = false;

  constructor(store: NodeStore, options: { readonly clock: Clock; readonly logger: Logger }) {
    this.#store = store;
    this.#clock = options.clock;
    this.#logger = options.logger;
  }

  /** The node as it is remembered, else as the store has it. */
  async find(id: SpiffeId): Promise<AttestedNode | undefined> {
    return this.#remembered.get(id.toString()) ?? (await this.findAnew(id));
  }

  /** The node as the store has it: another server may have written it a moment ago. */
  async findAnew(id: SpiffeId): Promise<AttestedNode | undefined> {
    const key = id.toString();
    const generation = this.#generation;
    const found = await this.#store.findNode(id);
    if (found !== undefined && this.#listening && generation === this.#generation) this.#remember(key, found);
    return found;
  }

  async create(node: AttestedNode): Promise<void> {
    await this.#forgetting(node.spiffeId, () => this.#store.createNode(node));
  }

  /** @throws {StatusError} NotFound. */
  async update(id: SpiffeId, update: NodeUpdate): Promise<void> {
    await this.#forgetting(id, () => this.#store.updateNode(id, update));
  }

  /** @throws {StatusError} NotFound. */
  async delete(id: SpiffeId): Promise<void> {
    await this.#forgetting(id, () => this.#store.deleteNode(id));
  }

  /**
   * Does work that reads a node and then writes it, one after the other for each node: what was read is still so when it is
   * acted upon, and a ban is never undone by a renewal or an activation that was under way.
   */
  async inTurn<T>(id: SpiffeId, work: () => Promise<T>): Promise<T> {
    const key = id.toString();
    const before = this.#turns.get(key);
    const mine = (async () => {
      await before?.catch(() => undefined);
      return await work();
    })();
    this.#turns.set(key, mine);
    try {
      return await mine;
    } finally {
      if (this.#turns.get(key) === mine) this.#turns.delete(key);
    }
  }

  /** Follows the store's changes until the signal aborts. */
  async run(signal: AbortSignal): Promise<void> {
    let delayMs = retryMs.first;
    while (!signal.aborted) {
      try {
        for await (const change of this.#store.watchChanges({ signal })) {
          delayMs = retryMs.first;
          if (change.kind === "reset") this.#forgetAll();
          else if (change.kind === "node") this.#forget(change.spiffeId);
          this.#listening = true;
        }
      } catch (error) {
        if (!signal.aborted)
          this.#logger.warn("Attested nodes are read anew, as the data store cannot be followed", {
            error: StatusError.from(error).message,
          });
      }
      this.#listening = false;
      this.#forgetAll();
      if (signal.aborted) return;
      await this.#clock.sleep(delayMs, { signal });
      delayMs = Math.min(delayMs * 2, retryMs.most);
    }
  }

  async #forgetting(id: SpiffeId, write: () => Promise<unknown>): Promise<void> {
    try {
      await write();
    } finally {
      this.#forget(id.toString());
    }
  }

  #remember(key: string, node: AttestedNode): void {
    if (this.#remembered.size >= mostNodes) {
      const oldest = this.#remembered.keys().next().value;
      if (oldest !== undefined) this.#remembered.delete(oldest);
    }
    this.#remembered.set(key, node);
  }

  #forget(key: string): void {
    this.#generation++;
    this.#remembered.delete(key);
  }

  #forgetAll(): void {
    this.#generation++;
    this.#remembered.clear();
  }
}

/** True when its serial number was taken from it: a new one, written by a server that was renewing it meanwhile, does not help. */
export function isBanned(node: Pick<AttestedNode, "serialNumber">): boolean {
  return node.serialNumber === "";
}

/** The node is gone: what an update or delete of it answers. */
export function isNotFound(error: unknown): boolean {
  return StatusError.from(error).code === Code.NotFound;
}
