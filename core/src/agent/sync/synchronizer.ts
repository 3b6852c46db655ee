import { type Clock, type Logger, StatusError } from "@finial/sdk";
import type { Certificate } from "@finial/sdk/crypto";
import { runTogether } from "../../kernel/lifecycle/run-together.ts";
import type { BundleCache } from "../cache/bundle-cache.ts";
import type { JwtSvidCache } from "../cache/jwt-svid-cache.ts";
import type { WorkloadCache } from "../cache/workload-cache.ts";
import { Backoff } from "./backoff.ts";
import { denialOf, isUnknownAuthority } from "./denial.ts";
import type { EntryCache } from "./entry-cache.ts";
import { fetchUpdates } from "./fetch-updates.ts";
import type { RotationPolicy } from "./rotation.ts";
import type { EntriesById, ServerApi } from "./server-api.ts";
import { isSignedByAny, TaintedAuthorities } from "./tainted-authorities.ts";
import type { X509SvidRenewer } from "./x509-svid-renewer.ts";

/** However long the interval is, an agent without SVIDs does not wait longer for its first. */
const maxFirstWaitMs = 5_000;
const svidIntervalMs = 500;
const maxSvidIntervalMs = 240_000;
/** Longer waits after failures: so many times the interval, and no longer than that. */
const maxMultiple = 48;
const maxIntervalMs = 480_000;
const taintedBatch = 100;
const taintedIntervalMs = 5_000;

export interface SynchronizerOptions {
  readonly api: ServerApi;
  readonly bundles: BundleCache;
  readonly workloads: WorkloadCache;
  /** Of entries whose SVIDs are put into a store. */
  readonly stored: EntryCache;
  readonly jwtSvids: JwtSvidCache;
  readonly renewer: X509SvidRenewer;
  readonly rotation: RotationPolicy;
  readonly intervalMs: number;
  readonly useSync: boolean;
  /** Told of X.509 authorities that are tainted since the last sync. */
  readonly onTainted: (authorities: readonly Certificate[]) => void;
  readonly onSuccess: () => void;
  /** Asked when the server's authority is unknown: throws to give up; else the sync goes on trying. */
  readonly onUnknownAuthority: (error: StatusError) => void;
  readonly clock: Clock;
  readonly logger: Logger;
  /** From 0 up to 1. */
  readonly random: () => number;
}

/** Keeps the caches as the server has it, and their SVIDs fresh. */
export class Synchronizer {
  readonly #options: SynchronizerOptions;
  readonly #tainted = new TaintedAuthorities();
  #known: EntriesById = new Map();
  #lastSync: Date | undefined;
  #tainting: Promise<void> = Promise.resolve();

  constructor(options: SynchronizerOptions) {
    this.#options = options;
  }

  /** When all went well; undefined before the first time. */
  get lastSync(): Date | undefined {
    return this.#lastSync;
  }

  /** Once: entries and bundles, then SVIDs as many as go into one call. */
  async sync(signal: AbortSignal): Promise<void> {
    const { api, bundles, workloads, stored, renewer, useSync, clock } = this.#options;
    const { trustDomain } = bundles.own;
    const options = { signal, useSync, trustDomain };
    const { entries, bundles: fetched } = await fetchUpdates(api, this.#known, options);
    this.#known = entries;
    const changedBundles = bundles.update(fetched);
    this.#taint(signal);
    const isDue = ({ leaf }: { readonly leaf: Certificate }): boolean =>
      this.#options.rotation.isX509SvidDue(leaf, clock.now());
    const isStored = ({ storeSvid }: { readonly storeSvid: boolean }): boolean => storeSvid;
    const toStore = new Map([...entries].filter(([, entry]) => isStored(entry)));
    const toServe =
      toStore.size === 0 ? entries : new Map([...entries].filter(([, entry]) => !isStored(entry)));
    workloads.updateEntries({ entries: toServe, changedBundles, isDue });
    stored.updateEntries({ entries: toStore, changedBundles, isDue });
    await renewer.renew(workloads, { signal });
    await renewer.renew(stored, { signal });
    this.#lastSync = clock.now();
    this.#options.onSuccess();
  }

  /** Until the signal aborts, or the server denies the agent. */
  async run(signal: AbortSignal): Promise<void> {
    await runTogether([(inner) => this.#runEntries(inner), (inner) => this.#runSvids(inner)], signal);
    await this.#tainting;
  }

  async #runEntries(signal: AbortSignal): Promise<void> {
    const { intervalMs, clock, random, logger, workloads } = this.#options;
    const maxMs = Math.min(maxIntervalMs, maxMultiple * intervalMs);
    const backoff = new Backoff({ initialMs: intervalMs, maxMs, clock, random });
    const next = (): number => backoff.next() ?? maxMs;
    let waitMs = Math.min(next(), maxFirstWaitMs);
    while (!signal.aborted) {
      await clock.sleep(waitMs, { signal });
      try {
        await this.sync(signal);
        backoff.reset();
        waitMs = workloads.svidCount === 0 ? Math.min(next(), maxFirstWaitMs) : next();
      } catch (thrown) {
        if (signal.aborted) return;
        const error = StatusError.from(thrown);
        if (isUnknownAuthority(error)) {
          this.#options.onUnknownAuthority(error);
          backoff.reset();
          waitMs = Math.min(next(), maxFirstWaitMs);
          continue;
        }
        logger.error("Synchronize failed", { error: error.message });
        if (denialOf(error) !== undefined) throw error;
        waitMs = next();
      }
    }
  }

  /** SVIDs between syncs: at once for a workload that waits, unless the server has just failed. */
  async #runSvids(signal: AbortSignal): Promise<void> {
    const { clock, random, logger, workloads, renewer } = this.#options;
    const backoff = new Backoff({ initialMs: svidIntervalMs, maxMs: maxSvidIntervalMs, clock, random });
    let isWanted = false;
    let wake = (): void => {};
    workloads.onWanted(() => {
      isWanted = true;
      wake();
    });
    let failed = false;
    while (!signal.aborted) {
      const rest = new AbortController();
      if (!failed) wake = () => rest.abort();
      // Somebody may have come while the last were being made.
      if (isWanted) wake();
      const waitMs = backoff.next() ?? maxSvidIntervalMs;
      await clock.sleep(waitMs, { signal: AbortSignal.any([signal, rest.signal]) }).catch(() => undefined);
      wake = () => {};
      if (signal.aborted) return;
      isWanted = false;
      try {
        workloads.fill();
        await renewer.renew(workloads, { signal });
        backoff.reset();
        failed = false;
      } catch (error) {
        if (signal.aborted) return;
        failed = true;
        logger.error("SVID sync failed", { error: StatusError.from(error).message });
      }
    }
  }

  #taint(signal: AbortSignal): void {
    const { bundles, jwtSvids, onTainted, logger } = this.#options;
    const { x509Authorities, jwtKeyIds } = this.#tainted.findNew(bundles.own);
    if (jwtKeyIds.size > 0) {
      logger.debug("New tainted JWT authorities found", { jwt_authority_key_ids: [...jwtKeyIds].join() });
      jwtSvids.removeSignedBy(jwtKeyIds);
    }
    if (x509Authorities.length === 0) return;
    const ids = x509Authorities.map(({ subjectKeyId }) => subjectKeyId?.toString("hex") ?? "");
    logger.debug("New tainted X.509 authorities found", { subject_key_ids: ids.join() });
    onTainted(x509Authorities);
    this.#tainting = this.#tainting
      .then(() => this.#taintInBatches(x509Authorities, signal))
      .catch((error: unknown) => {
        if (!signal.aborted)
          logger.error("Failed to process tainted SVIDs", { error: StatusError.from(error).message });
      });
  }

  /** Not all at once: each SVID that is found costs the server a signature. */
  async #taintInBatches(authorities: readonly Certificate[], signal: AbortSignal): Promise<void> {
    const { workloads, stored, clock, logger } = this.#options;
    for (const cache of [workloads, stored]) {
      const ids = cache.idsWithSvid();
      for (let start = 0; start < ids.length; start += taintedBatch) {
        if (start > 0) await clock.sleep(taintedIntervalMs, { signal });
        const count = cache.taint(ids.slice(start, start + taintedBatch), ({ chainDer }) =>
          isSignedByAny(chainDer, authorities, clock.now()),
        );
        logger.info("Tainted X.509 SVIDs", { tainted_x509_svids: count });
      }
    }
    logger.info("Finished processing all tainted entries");
  }
}
