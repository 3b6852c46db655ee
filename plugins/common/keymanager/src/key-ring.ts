import { generatePrivateKey, type KeyPairType } from "@finial/sdk/crypto";
import { type KeyEntry, makeKeyEntry } from "./key-entry.ts";

/** Makes a set of keys durable before any of them is used. */
export type SaveKeys = (entries: readonly KeyEntry[]) => Promise<void>;

/** Keys by id. A new key is saved first and seen after; when saving fails, the old one stays. */
export class KeyRing {
  readonly #save: SaveKeys;
  #entries: ReadonlyMap<string, KeyEntry>;
  #lastWrite: Promise<unknown> = Promise.resolve();

  constructor(entries: readonly KeyEntry[] = [], save: SaveKeys = async () => {}) {
    this.#entries = new Map(entries.map((entry) => [entry.id, entry]));
    this.#save = save;
  }

  find(id: string): KeyEntry | undefined {
    return this.#entries.get(id);
  }

  /** In the order of their ids. */
  all(): readonly KeyEntry[] {
    return [...this.#entries.values()].sort((a, b) => (a.id < b.id ? -1 : 1));
  }

  /** Makes, or replaces, the key with this id. */
  async generate(id: string, type: KeyPairType): Promise<KeyEntry> {
    const entry = makeKeyEntry(id, await generatePrivateKey(type));
    // One write after the other, or the file of an earlier one could win.
    const write = this.#lastWrite.then(
      () => this.#put(entry),
      () => this.#put(entry),
    );
    this.#lastWrite = write;
    await write;
    return entry;
  }

  async #put(entry: KeyEntry): Promise<void> {
    const next = new Map(this.#entries).set(entry.id, entry);
    await this.#save([...next.values()]);
    this.#entries = next;
  }
}
