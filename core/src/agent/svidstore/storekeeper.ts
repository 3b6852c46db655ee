import { type Clock, Code, type Logger, StatusError } from "@finial/sdk";
import type { BundleCache } from "../cache/bundle-cache.ts";
import type { SvidStore } from "../facade/svidstore.ts";
import type { AbandonedPlace, DueSvid, StoreCache } from "./store-cache.ts";
import { parseStorePlace, type StorePlace } from "./store-place.ts";
import { toX509SvidToStore } from "./x509-svid-to-store.ts";

/** As often as SPIRE looks. */
const intervalMs = 5_000;

export interface StorekeeperOptions {
  readonly cache: StoreCache;
  readonly bundles: BundleCache;
  readonly stores: readonly SvidStore[];
  readonly clock: Clock;
  readonly logger: Logger;
}

/** Something to do at a store; undefined: there is no such store. */
interface Errand {
  readonly storeName: string;
  readonly run: (store: SvidStore | undefined) => Promise<void>;
}

/** Puts X.509-SVIDs into their stores as they are made, and deletes those that no entry wants there any more. */
export class Storekeeper {
  readonly #options: StorekeeperOptions;

  constructor(options: StorekeeperOptions) {
    this.#options = options;
  }

  /** Until the signal aborts. What fails is logged, and tried again in the next round. */
  async run(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      await this.makeRound(signal);
      await this.#options.clock.sleep(intervalMs, { signal });
    }
  }

  /** All there is to do now: at each store one thing after the other, at all stores at once, for one may hang. */
  async makeRound(signal: AbortSignal): Promise<void> {
    const { cache, stores } = this.#options;
    const errands = [
      // First, for what one entry left another may have named.
      ...cache.abandonedPlaces().map((abandoned) => this.#deletion(abandoned, signal)),
      ...cache.dueSvids().flatMap((due) => this.#delivery(due, signal)),
    ];
    const byStore = Map.groupBy(errands, ({ storeName }) => storeName);
    await Promise.all(
      [...byStore].map(async ([storeName, some]) => {
        const store = stores.find(({ name }) => name === storeName);
        for (const errand of some) if (!signal.aborted) await errand.run(store);
      }),
    );
  }

  #deletion(abandoned: AbandonedPlace, signal: AbortSignal): Errand {
    const { cache } = this.#options;
    const { store: storeName, metadata } = parseStorePlace(abandoned.entry.selectors);
    const logger = this.#loggerFor({ ...abandoned, storeName });
    const run = async (store: SvidStore | undefined): Promise<void> => {
      if (store === undefined) logger.error("Error deleting SVID: SVIDStore not found");
      else if (!(await isDeleted(store, metadata, { signal, logger }))) return;
      cache.forget(abandoned);
    };
    return { storeName, run };
  }

  #delivery(due: DueSvid, signal: AbortSignal): readonly Errand[] {
    const { cache, bundles } = this.#options;
    const place = this.#findPlace(due);
    if (place === undefined) return [];
    const { store: storeName, metadata } = place;
    const logger = this.#loggerFor({ ...due, storeName });
    const run = async (store: SvidStore | undefined): Promise<void> => {
      if (store === undefined) logger.error("Error storing SVID: SVIDStore not found");
      else
        try {
          await store.putX509Svid(toX509SvidToStore(due, metadata, bundles), { signal });
          logger.debug("SVID stored successfully");
        } catch (error) {
          if (!signal.aborted)
            logger.error("Failed to put X509-SVID", { error: StatusError.from(error).message });
          return;
        }
      cache.settle(due);
    };
    return [{ storeName, run }];
  }

  /** Trying again does not help selectors that name no place: that is said once. */
  #findPlace(due: DueSvid): StorePlace | undefined {
    try {
      return parseStorePlace(due.entry.selectors);
    } catch (error) {
      const { message } = StatusError.from(error);
      this.#loggerFor(due).error("Invalid store name in selectors", { error: message });
      this.#options.cache.settle(due);
      return undefined;
    }
  }

  #loggerFor({
    entry,
    revision,
    storeName,
  }: Partial<Pick<DueSvid, "revision">> & Pick<DueSvid, "entry"> & { readonly storeName?: string }): Logger {
    return this.#options.logger.with({
      entry: entry.id,
      spiffe_id: entry.spiffeId.toString(),
      ...(revision !== undefined && { revision_number: revision }),
      ...(storeName !== undefined && { svid_store: storeName }),
    });
  }
}

/** Also true when nothing can lie there. */
async function isDeleted(
  store: SvidStore,
  metadata: readonly string[],
  { signal, logger }: { readonly signal: AbortSignal; readonly logger: Logger },
): Promise<boolean> {
  try {
    await store.deleteX509Svid(metadata, { signal });
    logger.debug("SVID deleted successfully");
    return true;
  } catch (thrown) {
    const error = StatusError.from(thrown);
    const fields = { error: error.message };
    switch (error.code) {
      case Code.InvalidArgument:
        logger.debug("Failed to delete SVID because of malformed selectors", fields);
        return true;
      case Code.NotFound:
        logger.debug("SVID was not in the store", fields);
        return true;
      default:
        if (!signal.aborted) logger.error("Failed to delete SVID", fields);
        return false;
    }
  }
}
