import { type AuthorizedEntry, isSameEntry } from "../cache/authorized-entry.ts";
import type { CachedX509Svid } from "../cache/workload-update.ts";
import { findPlaceKey } from "./store-place.ts";

/** An entry whose SVID is to lie in a store. */
export class StoreRecord {
  svid: CachedX509Svid | undefined;
  /** Grows with each change of what is to lie in the store. */
  revision = 1;
  /** The revision that lies there; 0: none that is known. */
  storedRevision = 0;
  #entry: AuthorizedEntry;
  #placeKey: string | undefined;

  constructor(entry: AuthorizedEntry) {
    this.#entry = entry;
    this.#placeKey = findPlaceKey(entry.selectors);
  }

  get entry(): AuthorizedEntry {
    return this.#entry;
  }

  /** Undefined when the selectors name no place. */
  get placeKey(): string | undefined {
    return this.#placeKey;
  }

  get isDue(): boolean {
    return this.svid !== undefined && this.revision > this.storedRevision;
  }

  /** @returns true when it is another entry than before. */
  replace(entry: AuthorizedEntry): boolean {
    if (isSameEntry(this.#entry, entry)) return false;
    // Who reads at the place may not be who the SVID was made for.
    if (!this.#entry.spiffeId.equals(entry.spiffeId)) this.svid = undefined;
    this.#entry = entry;
    this.#placeKey = findPlaceKey(entry.selectors);
    this.revision++;
    return true;
  }
}
