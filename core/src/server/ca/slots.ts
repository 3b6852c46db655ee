import { type Logger, StatusError } from "@finial/sdk";
import type { AuthorityState } from "../../kernel/convert/ca-journal.ts";
import { activationTime, type Lifetime, preparationTime } from "./lifetime.ts";

/** Names one of the two keys an authority kind has in the key manager. */
export type SlotId = "A" | "B";

/** An authority that was made: what signs, and what is remembered of it. */
export interface Authority<T> extends Lifetime {
  readonly value: T;
  readonly authorityId: string;
  readonly upstreamAuthorityId: string;
}

/** One of the two places an authority can be in. */
export interface Slot<T> {
  readonly id: SlotId;
  readonly authority: Authority<T> | undefined;
  readonly state: AuthorityState;
}

export interface SlotsOptions<T> {
  /** For the log: `X509 CA` or `JWT key`. */
  readonly title: string;
  readonly current: Slot<T>;
  readonly next: Slot<T>;
  /** Makes the authority, its key in this slot's place of the key manager, and makes it known. */
  readonly make: (slot: SlotId) => Promise<Authority<T>>;
  /** Remembers it. */
  readonly record: (slot: SlotId, authority: Authority<T>) => Promise<void>;
  readonly recordState: (authorityId: string, state: AuthorityState) => Promise<void>;
  readonly logger: Logger;
  readonly now: () => Date;
}

/**
 * The authorities of one kind: the one that signs and the one that will. A new one is prepared, and so made known, long before
 * it signs, so that everybody trusts it by then.
 */
export class Slots<T> {
  readonly #options: SlotsOptions<T>;
  #current: Slot<T>;
  #next: Slot<T>;
  #lastWork: Promise<unknown> = Promise.resolve();

  constructor(options: SlotsOptions<T>) {
    this.#options = options;
    this.#current = options.current;
    this.#next = options.next;
  }

  get current(): Slot<T> {
    return this.#current;
  }

  get next(): Slot<T> {
    return this.#next;
  }

  /** What signs now. */
  get active(): T | undefined {
    return this.#current.state === "active" ? this.#current.authority?.value : undefined;
  }

  /** At start: the remembered authority signs on, until `rotate` finds that its time has come. */
  async resume(): Promise<void> {
    await this.#alone(async () => {
      if (!isEmpty(this.#current)) await this.#activate();
    });
  }

  /** What is due now: a first authority, the next one, the change to it. Throws what stopped it; the old one signs on. */
  async rotate(): Promise<void> {
    await this.#alone(async () => {
      const { authority } = this.#current;
      if (authority === undefined || isEmpty(this.#current)) {
        await this.#prepare();
        await this.#activate();
        return;
      }
      const now = this.#options.now();
      if (!this.#hasNext(now) && now >= preparationTime(authority)) await this.#prepare();
      if (now >= activationTime(authority)) await this.#changeOver();
    });
  }

  /**
   * Changes to the next authority at once if the one that signs is bad; the next is made anew if there is none, or it is bad, too.
   *
   * @returns whether it changed. Throws what stopped it; the bad one signs on.
   */
  async leave(isBad: (value: T) => boolean): Promise<boolean> {
    return await this.#alone(async () => {
      const bad = ({ authority }: Slot<T>): boolean => authority !== undefined && isBad(authority.value);
      if (isEmpty(this.#current) || !bad(this.#current)) return false;
      if (!this.#hasNext(this.#options.now()) || bad(this.#next)) await this.#prepare();
      await this.#changeOver();
      return true;
    });
  }

  /** One piece of work after the other: each begins where the last has ended, and no key is replaced under another's hands. */
  async #alone<R>(work: () => Promise<R>): Promise<R> {
    const mine = this.#lastWork.then(work);
    this.#lastWork = mine.catch(() => undefined);
    return await mine;
  }

  /** A next one that has expired, because nobody was there to use it, is none. */
  #hasNext(now: Date): boolean {
    const { authority } = this.#next;
    return authority !== undefined && !isEmpty(this.#next) && now < authority.notAfter;
  }

  /** Makes the next authority; the first, when there is none. */
  async #prepare(): Promise<void> {
    const { title, make, record, logger } = this.#options;
    const first = isEmpty(this.#current);
    const { id } = first ? this.#current : this.#next;
    logger.debug(`Preparing ${title}`, { slot: id });
    // From here on the key that was in this slot may be gone.
    if (!first) this.#next = emptySlot(id);
    const authority = await make(id);
    const slot: Slot<T> = { id, authority, state: "prepared" };
    if (first) this.#current = slot;
    else this.#next = slot;
    await this.#remember(`Unable to append ${title} to journal`, record(id, authority));
    logger.info(`${title} prepared`, fieldsOf(slot));
  }

  /** The current authority begins to sign. */
  async #activate(): Promise<void> {
    const { title, recordState, logger } = this.#options;
    const slot: Slot<T> = { ...this.#current, state: "active" };
    this.#current = slot;
    logger.info(`${title} activated`, fieldsOf(slot));
    const id = slot.authority?.authorityId ?? "";
    await this.#remember(
      `Failed to update to activated status on ${title} journal entry`,
      recordState(id, "active"),
    );
  }

  /** The prepared authority begins to sign, and the other is old. */
  async #changeOver(): Promise<void> {
    const { title, recordState } = this.#options;
    const old = this.#current;
    this.#current = this.#next;
    this.#next = { ...old, state: "old" };
    const id = old.authority?.authorityId ?? "";
    const saved = this.#remember(`Failed to update status on ${title} journal entry`, recordState(id, "old"));
    // Not after it was written: between the two nobody would sign.
    await Promise.all([saved, this.#activate()]);
  }

  /** A journal that cannot be written now is written whole by the next change. */
  async #remember(what: string, saving: Promise<void>): Promise<void> {
    try {
      await saving;
    } catch (error) {
      this.#options.logger.error(what, { error: StatusError.from(error).message });
    }
  }
}

/** Nothing in it that signs or will. */
export function isEmpty({ authority, state }: Slot<unknown>): boolean {
  return authority === undefined || state === "old";
}

export function emptySlot<T>(id: SlotId): Slot<T> {
  return { id, authority: undefined, state: "unknown" };
}

/**
 * Which of the remembered authorities is current and which next, newest first: an active one is current, the newest other is
 * next; without an active one the newest is.
 */
export function arrangeSlots<T>(newestFirst: readonly Slot<T>[]): {
  readonly current: Slot<T>;
  readonly next: Slot<T>;
} {
  const active = newestFirst.find(({ state }) => state === "active");
  const other = newestFirst.find((slot) => slot.state !== "active" && slot.id !== active?.id);
  const current = active ?? other ?? emptySlot<T>("A");
  const next = active === undefined ? undefined : other;
  return { current, next: next ?? emptySlot<T>(current.id === "A" ? "B" : "A") };
}

function fieldsOf({ id, authority }: Slot<unknown>): Readonly<Record<string, unknown>> {
  return {
    slot: id,
    issued_at: authority?.issuedAt.toISOString(),
    expiration: authority?.notAfter.toISOString(),
    local_authority_id: authority?.authorityId,
    ...(authority?.upstreamAuthorityId && { upstream_authority_id: authority.upstreamAuthorityId }),
  };
}
