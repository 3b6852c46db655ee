import { Code, StatusError } from "@finial/sdk";
import { refusedReason } from "../pluginhost/supervisor.ts";

/** A key as its key manager shows it. */
export interface ShownKey {
  readonly id: string;
  readonly pkixData: Buffer;
  readonly fingerprint: string;
}

/**
 * The keys a key manager has shown. A process of it that takes the place of another must have them, too: with another key behind
 * an id its daemon would sign what nobody can verify.
 */
export class KnownKeys {
  readonly #keys = new Map<string, ShownKey>();

  remember(key: ShownKey): void {
    this.#keys.set(key.id, key);
  }

  /** From now on the key behind the id may be another, or none. */
  forget(id: string): void {
    this.#keys.delete(id);
  }

  /**
   * Looks for them among those that the key manager now has.
   *
   * @param options.mayBeGone for one that keeps keys only as long as it lives.
   * @returns ids of those that are gone, if they may be; they are forgotten.
   * @throws {StatusError} FailedPrecondition `PLUGIN_REFUSED` naming those that are gone or others.
   */
  examine(there: readonly ShownKey[], { mayBeGone }: { readonly mayBeGone: boolean }): ReadonlySet<string> {
    const byId = new Map(there.map((key) => [key.id, key]));
    const known = [...this.#keys.values()];
    const gone = known.filter(({ id }) => !byId.has(id)).map(({ id }) => id);
    const others = known.filter((key) => isAnother(key, byId.get(key.id))).map(({ id }) => id);
    if (others.length > 0 || (gone.length > 0 && !mayBeGone)) {
      const what = [...gone.map((id) => `"${id}" is gone`), ...others.map((id) => `"${id}" is another`)];
      throw new StatusError(
        Code.FailedPrecondition,
        refusedReason,
        `it came back with other keys than it had (${what.join(", ")}); it is used again when it has them`,
      );
    }
    for (const id of gone) this.#keys.delete(id);
    return new Set(gone);
  }
}

function isAnother(key: ShownKey, now: ShownKey | undefined): boolean {
  if (now === undefined) return false;
  return !now.pkixData.equals(key.pkixData) || now.fingerprint !== key.fingerprint;
}
