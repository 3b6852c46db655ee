import type { PartialMessage } from "@finial/sdk";
import type { datastore } from "@finial/sdk/server";
import type { CurrentDatabase, DataStoreHandlers } from "../handlers.ts";
import type { Database } from "../sql.ts";
import { fromTrustDomainId } from "../trust-domain-column.ts";
import { type ChangeRow, changesAfter, currentPlace, isReachable, type Place } from "./change-table.ts";

/** Changes a message, at most. */
const changesPerMessage = 1000;

type Change = PartialMessage<datastore.Change>;

export function changeHandlers(database: CurrentDatabase): Pick<DataStoreHandlers, "watchChanges"> {
  return {
    watchChanges: async function* ({ epoch, afterRevision }, { signal }) {
      const watched = database();
      const asked = epoch === "" ? undefined : { epoch, revision: afterRevision };
      for await (const changes of watchChanges(watched, asked, signal)) yield { changes };
    },
  };
}

async function* watchChanges(
  database: Database,
  asked: Place | undefined,
  signal: AbortSignal,
): AsyncGenerator<Change[]> {
  // Listening before reading: nothing falls between the two.
  const commits = new Signal();
  const stopListening = database.onCommit(() => commits.set());
  const leave = (): void => commits.set();
  signal.addEventListener("abort", leave);
  try {
    let place = await startOf(database, asked);
    yield [resetAt(place)];
    while (!signal.aborted) {
      const rows = await database.read((sql) => changesAfter(sql, place.revision, changesPerMessage));
      if (rows.length === 0) {
        await commits.wait();
        continue;
      }
      const opened = rows.findLast(({ kind }) => kind === "opened");
      const isOthers = opened !== undefined && opened.name !== place.epoch;
      if (isOthers && isGapless(rows, place.revision)) {
        // By another process beside this one, such as one that takes over. The reader goes on from there under its name.
        place = { epoch: opened.name, revision: rows.at(-1)?.revision ?? place.revision };
        yield [resetAt(place)];
      } else if (isGapless(rows, place.revision)) {
        place = { ...place, revision: rows.at(-1)?.revision ?? place.revision };
        const changes = toChanges(rows);
        if (changes.length > 0) yield changes;
      } else {
        place = await database.read(currentPlace);
        yield [resetAt(place)];
      }
    }
  } finally {
    signal.removeEventListener("abort", leave);
    stopListening();
  }
}

async function startOf(database: Database, asked: Place | undefined): Promise<Place> {
  return await database.read(async (sql) => {
    const current = await currentPlace(sql);
    if (asked === undefined) return current;
    if (await isReachable(sql, asked, current)) return { epoch: current.epoch, revision: asked.revision };
    // Another history may be as long by now; the revision asked for would say that nothing was lost.
    return current.revision === asked.revision ? { ...current, revision: current.revision - 1 } : current;
  });
}

/** Revisions have no gaps, unless the reader was so slow that the next ones are forgotten. */
function isGapless(rows: readonly ChangeRow[], after: number): boolean {
  return rows.every(({ revision }, index) => revision === after + index + 1);
}

/** Several changes of one thing are one: readers look at how it is now. */
function toChanges(rows: readonly ChangeRow[]): Change[] {
  const last = new Map<string, ChangeRow>();
  for (const row of rows) {
    const key = `${row.kind} ${row.name}`;
    // Deleted first, for the order is that of the last change.
    last.delete(key);
    last.set(key, row);
  }
  return [...last.values()].flatMap((row) => {
    const what = whatOf(row);
    return what === undefined ? [] : [{ revision: row.revision, what }];
  });
}

function whatOf({ kind, name }: ChangeRow): Change["what"] {
  switch (kind) {
    case "entry":
      return { $case: "entryId", value: name };
    case "node":
      return { $case: "nodeSpiffeId", value: name };
    case "bundle":
      return { $case: "bundleTrustDomain", value: fromTrustDomainId(name) };
    case "federation":
      return { $case: "federationTrustDomain", value: name };
    default:
      return undefined;
  }
}

function resetAt({ epoch, revision }: Place): Change {
  return { revision, what: { $case: "reset", value: { epoch } } };
}

/** Wakes one waiter; what comes while nobody waits is remembered. */
class Signal {
  #isSet = false;
  #wake = (): void => {};

  set(): void {
    this.#isSet = true;
    this.#wake();
  }

  async wait(): Promise<void> {
    if (!this.#isSet)
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
    this.#isSet = false;
  }
}
