import { Code, type Logger, StatusError } from "@finial/sdk";
import {
  type AuthorityState,
  type CaJournalRecords,
  fromWireCaJournal,
  type JwtKeyRecord,
  toWireCaJournal,
  type X509CaRecord,
} from "../../kernel/convert/ca-journal.ts";
import type { CaJournal, DataStore } from "../facade/datastore.ts";
import type { KeyManager } from "../facade/keymanager.ts";
import { authorityIdOf } from "./authorities.ts";

/** The newest so many of each kind are remembered. */
const mostRecords = 10;

type JournalStore = Pick<DataStore, "findCaJournal" | "setCaJournal">;

/**
 * What this server did with its authorities, kept in the data store beside those of other servers. It is found again by the
 * keys in the key manager: the journal whose active X.509 authority is one of them is ours.
 */
export class Journal {
  readonly #store: JournalStore;
  readonly #logger: Logger;
  #id: number;
  #records: CaJournalRecords;
  /**
   * The last that signed, kept while one takes over from the other: between the two no record is active, and by none the journal
   * could not be found again.
   */
  #activeX509AuthorityId: string;
  #activeJwtAuthorityId: string;
  #lastSave: Promise<void> = Promise.resolve();

  private constructor(store: JournalStore, logger: Logger, found: CaJournal | undefined) {
    this.#store = store;
    this.#logger = logger;
    this.#id = found?.id ?? 0;
    this.#records = found === undefined ? { x509Cas: [], jwtKeys: [], witKeys: [] } : recordsOf(found);
    this.#activeX509AuthorityId = found?.activeX509AuthorityId ?? "";
    this.#activeJwtAuthorityId = found?.activeJwtAuthorityId ?? "";
  }

  /** @throws {StatusError} Internal for a journal that cannot be read; what the key manager or the store throws. */
  static async load(store: JournalStore, keyManager: KeyManager, logger: Logger): Promise<Journal> {
    const found = await find(store, keyManager, logger);
    const journal = new Journal(store, logger, found);
    const { x509Cas, jwtKeys } = journal.records;
    logger.info("Journal loaded", { x509_cas: x509Cas.length, jwt_keys: jwtKeys.length });
    return journal;
  }

  get records(): CaJournalRecords {
    return this.#records;
  }

  async addX509Ca(record: X509CaRecord): Promise<void> {
    const x509Cas = [...this.#records.x509Cas, record].slice(-mostRecords);
    await this.#replace({ ...this.#records, x509Cas });
  }

  async addJwtKey(record: JwtKeyRecord): Promise<void> {
    const jwtKeys = [...this.#records.jwtKeys, record].slice(-mostRecords);
    await this.#replace({ ...this.#records, jwtKeys });
  }

  async setX509CaState(authorityId: string, state: AuthorityState): Promise<void> {
    if (state === "active") this.#activeX509AuthorityId = authorityId;
    await this.#replace({ ...this.#records, x509Cas: withState(this.#records.x509Cas, authorityId, state) });
  }

  async setJwtKeyState(authorityId: string, state: AuthorityState): Promise<void> {
    if (state === "active") this.#activeJwtAuthorityId = authorityId;
    await this.#replace({ ...this.#records, jwtKeys: withState(this.#records.jwtKeys, authorityId, state) });
  }

  /** One save after the other: a later one must not be overtaken by an earlier. */
  async #replace(records: CaJournalRecords): Promise<void> {
    this.#records = records;
    const save = this.#lastSave.then(() => this.#save());
    this.#lastSave = save.catch(() => undefined);
    await save;
  }

  async #save(): Promise<void> {
    const activeX509AuthorityId = this.#activeX509AuthorityId;
    // Without one the journal could not be found again.
    if (this.#id === 0 && activeX509AuthorityId === "") return;
    if (this.#id === 0) this.#logger.info("Creating a new CA journal entry");
    this.#id = await this.#store.setCaJournal({
      id: this.#id,
      data: toWireCaJournal(this.#records),
      activeX509AuthorityId,
      activeJwtAuthorityId: this.#activeJwtAuthorityId,
    });
    this.#logger.debug("Successfully stored CA journal entry in datastore", {
      ca_journal_id: this.#id,
      local_authority_id: activeX509AuthorityId,
    });
  }
}

function recordsOf({ id, data }: CaJournal): CaJournalRecords {
  try {
    return fromWireCaJournal(data);
  } catch (error) {
    throw new StatusError(
      Code.Internal,
      "CA_JOURNAL_MALFORMED",
      `unable to unmarshal entries from CA journal record ${id}: ${StatusError.from(error).message}`,
      { cause: error },
    );
  }
}

async function find(
  store: JournalStore,
  keyManager: KeyManager,
  logger: Logger,
): Promise<CaJournal | undefined> {
  for (const { publicKey } of await keyManager.getKeys()) {
    const authorityId = authorityIdOf(publicKey.subjectKeyId);
    const found = await store.findCaJournal(authorityId);
    if (found === undefined) continue;
    logger.debug("Found a CA journal record that matches with a local X509 authority ID", {
      ca_journal_id: found.id,
      local_authority_id: authorityId,
    });
    return found;
  }
  logger.info("There is not a CA journal record that matches any of the local X509 authority IDs");
  return undefined;
}

function withState<T extends { readonly authorityId: string; readonly state: AuthorityState }>(
  records: readonly T[],
  authorityId: string,
  state: AuthorityState,
): readonly T[] {
  const index = records.findLastIndex((record) => record.authorityId === authorityId);
  return records.map((record, at) => (at === index ? { ...record, state } : record));
}
