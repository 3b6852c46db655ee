import { type Clock, type Logger, StatusError } from "@finial/sdk";
import { type Bundle, formatBundleDocument, type TrustDomain } from "@finial/sdk/spiffe";
import { aborted, runTogether, type Task } from "../../kernel/lifecycle/run-together.ts";
import type { BundlePublisher } from "../facade/bundlepublisher.ts";
import type { DataStore } from "../facade/datastore.ts";
import type { Notifier } from "../facade/notifier.ts";
import { Pulse } from "./pulse.ts";

/** Publishers are asked this often, and skip what has not changed. */
const publishEveryMs = 30_000;
const watchAgainMs = 1000;

export interface AnnouncerOptions {
  readonly store: Pick<DataStore, "findBundle" | "watchChanges">;
  readonly trustDomain: TrustDomain;
  readonly notifiers: readonly Notifier[];
  readonly publishers: readonly BundlePublisher[];
  readonly clock: Clock;
  readonly logger: Logger;
}

/**
 * Tells notifiers and publishers of the trust domain's bundle, at start and with each change, whoever made it. Each is told by
 * itself: one that takes its time, or never answers, keeps nobody else waiting.
 */
export class Announcer {
  readonly #options: AnnouncerOptions;
  /** What the bundle was like when it was last looked at. */
  #seen: string | undefined;

  constructor(options: AnnouncerOptions) {
    this.#options = options;
  }

  /** @throws {StatusError} what a notifier throws: it may stop the start. */
  async announceLoaded(): Promise<void> {
    const { notifiers, publishers } = this.#options;
    if (notifiers.length + publishers.length === 0) return;
    const bundle = await this.#bundle();
    if (bundle === undefined) return;
    this.#seen = formatBundleDocument(bundle);
    await Promise.all(notifiers.map((notifier) => notifier.bundleLoaded(bundle)));
  }

  /** Until the signal aborts. Whoever fails is logged, and told again with the next change. */
  async run(signal: AbortSignal): Promise<void> {
    const { notifiers, publishers } = this.#options;
    const listeners = [
      ...notifiers.map((notifier) =>
        this.#listener(notifier, "Failed to notify on bundle update", (bundle) =>
          notifier.bundleUpdated(bundle),
        ),
      ),
      ...publishers.map((publisher) =>
        this.#listener(
          publisher,
          "Failed to publish bundle",
          (bundle) => publisher.publishBundle(bundle),
          publishEveryMs,
        ),
      ),
    ];
    if (listeners.length === 0) return;
    const pulses = listeners.map(({ due }) => due);
    await runTogether(
      [(inner) => this.#watch(pulses, inner), ...listeners.map(({ listen }) => listen)],
      signal,
    );
  }

  /** @param everyMs tells it this often, too, and at once; absent: of changes alone. */
  #listener(
    plugin: { readonly name: string },
    failed: string,
    tell: (bundle: Bundle) => Promise<void>,
    everyMs?: number,
  ): { readonly due: Pulse; readonly listen: Task } {
    const { clock, logger } = this.#options;
    const due = new Pulse();
    const told = async (): Promise<void> => {
      try {
        const bundle = await this.#bundle();
        if (bundle !== undefined) await tell(bundle);
      } catch (error) {
        logger.warn(failed, { plugin_name: plugin.name, error: StatusError.from(error).message });
      }
    };
    const listen: Task = async (signal) => {
      if (everyMs !== undefined) due.beat();
      while (await due.wait({ clock, everyMs, signal })) {
        const done = new AbortController();
        // One that never answers is left behind when the server stops.
        await Promise.race([told(), aborted(AbortSignal.any([signal, done.signal]))]);
        done.abort();
      }
    };
    return { due, listen };
  }

  async #watch(pulses: readonly Pulse[], signal: AbortSignal): Promise<void> {
    const { store, trustDomain, logger, clock } = this.#options;
    while (!signal.aborted) {
      try {
        for await (const change of store.watchChanges({ signal })) {
          const isOurs = change.kind === "bundle" && change.trustDomain === trustDomain.name;
          // What came before a reset has not been heard of.
          if (!isOurs && change.kind !== "reset") continue;
          const isOther = await this.#lookAgain();
          if (isOurs || isOther) for (const due of pulses) due.beat();
        }
      } catch (error) {
        if (signal.aborted) return;
        logger.warn("Bundle changes cannot be followed", { error: StatusError.from(error).message });
        await clock.sleep(watchAgainMs, { signal });
      }
    }
  }

  /** Whether the bundle is another than when it was last looked at. */
  async #lookAgain(): Promise<boolean> {
    const bundle = await this.#bundle();
    const seen = bundle && formatBundleDocument(bundle);
    const isOther = seen !== this.#seen;
    this.#seen = seen;
    return isOther;
  }

  async #bundle(): Promise<Bundle | undefined> {
    return await this.#options.store.findBundle(this.#options.trustDomain);
  }
}
