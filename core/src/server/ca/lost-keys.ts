import type { ManagedKey } from "../facade/keymanager.ts";

/** Ids of keys that are gone, until what signs with them is replaced. A new key may have the id of one that is gone. */
export class LostKeys {
  #ids: ReadonlySet<string> = new Set();

  add(ids: ReadonlySet<string>): void {
    this.#ids = new Set([...this.#ids, ...ids]);
  }

  /**
   * Has them replaced. What is lost meanwhile is left to the next time.
   *
   * @throws what the work throws; the keys are then still to be replaced.
   */
  async replace(
    work: (isLost: (value: { readonly key: ManagedKey }) => boolean) => Promise<unknown>,
  ): Promise<void> {
    const ids = this.#ids;
    if (ids.size === 0) return;
    this.#ids = new Set();
    try {
      await work(({ key }) => ids.has(key.id));
    } catch (error) {
      this.add(ids);
      throw error;
    }
  }
}
