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
  /** Grows with everything that makes a node be forgotten: a read that began before must not be remembered. */
  #generation = 0;
  #listening = false;

  constructor(store: NodeStore, options: { readonly clock: Clock; readonly logger: Logger }) {
    this.#store = store;
    this.#clock = options.clock;
    this.#logger = options.logger;
  }

  async find(id: SpiffeId): Promise<AttestedNode | undefined> {
    const key = id.toString();
    const remembered = this.#remembered.get(key);
    if (remembered !== undefined) return remembered;
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

/** True when the node's serial numbers were taken from it. */
export function isBanned(node: Pick<AttestedNode, "serialNumber" | "newSerialNumber">): boolean {
  return node.serialNumber === "" && node.newSerialNumber === "";
}

/** The node is gone: what an update or delete of it answers. */
export function isNotFound(error: unknown): boolean {
  return StatusError.from(error).code === Code.NotFound;
}
