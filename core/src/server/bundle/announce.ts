import { type Clock, type Logger, StatusError } from "@finial/sdk";
import type { Bundle, TrustDomain } from "@finial/sdk/spiffe";
import type { BundlePublisher } from "../facade/bundlepublisher.ts";
import type { DataStore } from "../facade/datastore.ts";
import type { Notifier } from "../facade/notifier.ts";

/** Publishers are asked this often, and skip what has not changed. */
const publishEveryMs = 30_000;

export interface AnnouncerOptions {
  readonly store: Pick<DataStore, "findBundle" | "watchChanges">;
  readonly trustDomain: TrustDomain;
  readonly notifiers: readonly Notifier[];
  readonly publishers: readonly BundlePublisher[];
  readonly clock: Clock;
  readonly logger: Logger;
}

/** Tells notifiers and publishers of the trust domain's bundle, at start and with each change, whoever made it. */
export class Announcer {
  readonly #options: AnnouncerOptions;

  constructor(options: AnnouncerOptions) {
    this.#options = options;
  }

  /** @throws {StatusError} what a notifier throws: it may stop the start. */
  async announceLoaded(): Promise<void> {
    const { notifiers } = this.#options;
    if (notifiers.length === 0) return;
    const bundle = await this.#bundle();
    if (bundle !== undefined) await Promise.all(notifiers.map((notifier) => notifier.bundleLoaded(bundle)));
  }

  /** Until the signal aborts. Whoever fails is logged, and told again with the next change. */
  async run(signal: AbortSignal): Promise<void> {
    const { notifiers, publishers, clock } = this.#options;
    if (notifiers.length + publishers.length === 0) return;
    await this.#publish();
    const due = new Pulse();
    void this.#watch(due, signal);
    while (!signal.aborted) {
      const changed = await due.wait(clock, publishEveryMs, signal);
      if (signal.aborted) return;
      if (changed) await this.#notify();
      await this.#publish();
    }
  }

  async #watch(due: Pulse, signal: AbortSignal): Promise<void> {
    const { store, trustDomain, logger, clock } = this.#options;
    while (!signal.aborted) {
      try {
        for await (const change of store.watchChanges({ signal }))
          if (change.kind === "bundle" && change.trustDomain === trustDomain.name) due.beat();
      } catch (error) {
        if (signal.aborted) return;
        logger.warn("Bundle changes cannot be followed", { error: StatusError.from(error).message });
        await clock.sleep(1000, { signal }).catch(() => undefined);
      }
    }
  }

  async #notify(): Promise<void> {
    await this.#each(this.#options.notifiers, "Failed to notify on bundle update", (notifier, bundle) =>
      notifier.bundleUpdated(bundle),
    );
  }

  async #publish(): Promise<void> {
    await this.#each(this.#options.publishers, "Failed to publish bundle", (publisher, bundle) =>
      publisher.publishBundle(bundle),
    );
  }

  async #each<T extends { readonly name: string }>(
    plugins: readonly T[],
    failed: string,
    tell: (plugin: T, bundle: Bundle) => Promise<void>,
  ): Promise<void> {
    if (plugins.length === 0) return;
    const { logger } = this.#options;
    try {
      const bundle = await this.#bundle();
      if (bundle === undefined) return;
      await Promise.all(
        plugins.map((plugin) =>
          tell(plugin, bundle).catch((error: unknown) =>
            logger.warn(failed, { plugin_name: plugin.name, error: StatusError.from(error).message }),
          ),
        ),
      );
    } catch (error) {
      logger.warn(failed, { error: StatusError.from(error).message });
    }
  }

  async #bundle(): Promise<Bundle | undefined> {
    return await this.#options.store.findBundle(this.#options.trustDomain);
  }
}

/** Something that happens now and then, for one who waits. */
class Pulse {
  #beat = Promise.withResolvers<true>();

  beat(): void {
    this.#beat.resolve(true);
  }

  /** True for a beat, false when the time is up. */
  async wait(clock: Clock, ms: number, signal: AbortSignal): Promise<boolean> {
    const limit = new AbortController();
    const timeout = clock.sleep(ms, { signal: AbortSignal.any([signal, limit.signal]) }).then(
      () => false,
      () => false,
    );
    const beaten = await Promise.race([this.#beat.promise, timeout]);
    limit.abort();
    if (beaten) this.#beat = Promise.withResolvers();
    return beaten;
  }
}
