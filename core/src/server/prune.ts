import { type Clock, Code, type Logger, StatusError } from "@finial/sdk";
import type { TrustDomain } from "@finial/sdk/spiffe";
import { fromWireCaJournal } from "../kernel/convert/ca-journal.ts";
import { every } from "../kernel/lifecycle/every.ts";
import type { Task } from "../kernel/lifecycle/run-together.ts";
import type { CaJournal, DataStore } from "./facade/datastore.ts";

const hourMs = 3_600_000;
const dayMs = 24 * hourMs;

export interface PruneOptions {
  readonly store: DataStore;
  readonly trustDomain: TrustDomain;
  /** Absent: attested nodes are kept. */
  readonly nodes:
    | {
        readonly expiredForMs: number;
        readonly includeNonReattestable: boolean;
        readonly batchSize: number;
      }
    | undefined;
  readonly clock: Clock;
  readonly logger: Logger;
  /** From 0 up to 1. */
  readonly random: () => number;
}

/** Removes what has expired, each kind at SPIRE's intervals. A failure is logged and tried again at the next. */
export function pruneTasks(options: PruneOptions): readonly Task[] {
  const { clock, logger, random } = options;
  const task = (intervalMs: number | (() => number), what: string, prune: () => Promise<void>): Task =>
    every(
      intervalMs,
      async () => {
        try {
          await prune();
        } catch (error) {
          logger.error(`Failed to prune ${what}`, { error: StatusError.from(error).message });
        }
      },
      clock,
    );
  const { nodes } = options;
  return [
    task(5 * 60_000, "registration entries", () => pruneEntries(options)),
    task(6 * hourMs, "bundle", () => pruneBundle(options)),
    task(8 * hourMs, "CA journals", () => pruneJournals(options)),
    ...(nodes === undefined
      ? []
      : [
          task(
            () => hourMs + (random() - 0.5) * hourMs * 0.5,
            "attested nodes",
            () => pruneNodes(options, nodes),
          ),
        ]),
  ];
}

async function pruneEntries({ store, clock, logger }: PruneOptions): Promise<void> {
  for (const entry of await store.pruneEntries(clock.now()))
    logger.info("Pruned an expired registration", {
      spiffe_id: entry.spiffeId.toString(),
      parent_id: entry.parentId.toString(),
      registration_id: entry.id,
    });
}

/** Authorities that expired a day ago: nobody's clock is that wrong. */
async function pruneBundle({ store, trustDomain, clock, logger }: PruneOptions): Promise<void> {
  const expiredBefore = new Date(clock.now().getTime() - dayMs);
  if (await store.pruneBundle(trustDomain, expiredBefore))
    logger.debug("Expired certificates were successfully pruned from bundle");
}

/** Journals of servers that have been away for two weeks beyond their last authority. */
async function pruneJournals({ store, clock, logger }: PruneOptions): Promise<void> {
  const expiredBefore = new Date(clock.now().getTime() - 14 * dayMs);
  for (const journal of await store.listCaJournals()) {
    const { id } = journal;
    if (!isStale(journal, expiredBefore, logger)) continue;
    await store.deleteCaJournal(id).catch((error: unknown) => {
      // Another server on the same database was quicker.
      if (StatusError.from(error).code !== Code.NotFound) throw error;
    });
    logger.info("Pruned stale CA journal record", { ca_journal_id: id });
  }
}

/** One that cannot be read is somebody's still, and keeps nobody from pruning the others. */
function isStale({ id, data }: CaJournal, expiredBefore: Date, logger: Logger): boolean {
  try {
    const { x509Cas, jwtKeys } = fromWireCaJournal(data);
    return [...x509Cas, ...jwtKeys].every(({ notAfter }) => notAfter <= expiredBefore);
  } catch (error) {
    logger.warn("Unable to read CA journal record", {
      ca_journal_id: id,
      error: StatusError.from(error).message,
    });
    return false;
  }
}

async function pruneNodes(
  { store, clock, logger }: PruneOptions,
  { expiredForMs, includeNonReattestable, batchSize }: NonNullable<PruneOptions["nodes"]>,
): Promise<void> {
  const expiredBefore = new Date(clock.now().getTime() - expiredForMs);
  const count = await store.pruneNodes({ expiredBefore, includeNonReattestable, limit: batchSize });
  if (count > 0) logger.info("Pruned expired agents", { count });
}
