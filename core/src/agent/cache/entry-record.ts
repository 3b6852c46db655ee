import { formatSelector } from "@finial/sdk/spiffe";
import type { AuthorizedEntry } from "./authorized-entry.ts";
import type { Subscription } from "./subscription.ts";
import type { CachedX509Svid } from "./workload-update.ts";

/** An entry in the cache. */
export class EntryRecord {
  readonly id: string;
  readonly subscriptions = new Set<Subscription>();
  #entry: AuthorizedEntry;
  #needed: readonly string[];
  svid: CachedX509Svid | undefined;
  /** Its authority is not to be trusted any more: served to who has it, until there is another. */
  tainted = false;
  lastAccessMs = 0;

  constructor(entry: AuthorizedEntry) {
    this.id = entry.id;
    this.#entry = entry;
    this.#needed = selectorTexts(entry);
  }

  get entry(): AuthorizedEntry {
    return this.#entry;
  }

  set entry(entry: AuthorizedEntry) {
    this.#entry = entry;
    this.#needed = selectorTexts(entry);
  }

  /** `type:value` of each selector a workload must have. */
  get needed(): readonly string[] {
    return this.#needed;
  }

  /** False while a workload that comes new must wait for an SVID. */
  get isReady(): boolean {
    return this.svid !== undefined && !this.tainted;
  }

  /** An entry that needs no selector is nobody's. */
  matches(held: ReadonlySet<string>): boolean {
    return this.#needed.length > 0 && this.#needed.every((selector) => held.has(selector));
  }
}

function selectorTexts({ selectors }: AuthorizedEntry): readonly string[] {
  return selectors.map(formatSelector);
}
