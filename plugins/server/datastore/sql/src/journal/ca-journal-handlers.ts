import type { datastore } from "@finial/sdk/server";
import { invalidArgument, recordNotFound } from "../errors.ts";
import type { CurrentDatabase, DataStoreHandlers } from "../handlers.ts";
import type { Row, Transaction } from "../sql.ts";
import { toTimeColumn } from "../time-column.ts";

type CaJournalRpcs = "setCaJournal" | "fetchCaJournal" | "listCaJournals" | "deleteCaJournal";

type JournalRow = Row & {
  readonly id: number;
  readonly data: Buffer | null;
  readonly active_x509_authority_id: string | null;
  readonly active_jwt_authority_id: string | null;
};

const columns = "id, data, active_x509_authority_id, active_jwt_authority_id";

export function caJournalHandlers(database: CurrentDatabase): Pick<DataStoreHandlers, CaJournalRpcs> {
  return {
    setCaJournal: async ({ journal }) => {
      if (journal === undefined) throw invalidArgument("CA_JOURNAL_MISSING", "ca journal is required");
      return { id: await database().write((transaction) => saveJournal(transaction, journal)) };
    },
    fetchCaJournal: async ({ activeX509AuthorityId }) => {
      if (activeX509AuthorityId === "")
        throw invalidArgument("AUTHORITY_ID_MISSING", "active X509 authority ID is required");
      const row = await database().read((sql) =>
        sql.first<JournalRow>(
          `SELECT ${columns} FROM ca_journals WHERE active_x509_authority_id = ? ORDER BY id DESC LIMIT 1`,
          activeX509AuthorityId,
        ),
      );
      return { journal: row && fromRow(row) };
    },
    listCaJournals: async function* () {
      const rows = await database().read((sql) =>
        sql.all<JournalRow>(`SELECT ${columns} FROM ca_journals ORDER BY id`),
      );
      for (const row of rows) yield { journals: [fromRow(row)] };
    },
    deleteCaJournal: async ({ id }) => {
      await database().write(async (transaction) => {
        const { changes } = await transaction.run("DELETE FROM ca_journals WHERE id = ?", id);
        if (changes === 0) throw recordNotFound();
      });
      return {};
    },
  };
}

/** @throws {StatusError} NotFound when it has an id that is not there. */
async function saveJournal(
  transaction: Transaction,
  { id, data, activeX509AuthorityId, activeJwtAuthorityId }: datastore.CaJournal,
): Promise<number> {
  const now = toTimeColumn(transaction.now);
  const values = [data, activeX509AuthorityId, activeJwtAuthorityId];
  if (id === 0) {
    const { lastId } = await transaction.run(
      `INSERT INTO ca_journals (created_at, updated_at, data, active_x509_authority_id, active_jwt_authority_id)
       VALUES (?, ?, ?, ?, ?)`,
      now,
      now,
      ...values,
    );
    return lastId;
  }
  const { changes } = await transaction.run(
    `UPDATE ca_journals SET updated_at = ?, data = ?, active_x509_authority_id = ?, active_jwt_authority_id = ?
     WHERE id = ?`,
    now,
    ...values,
    id,
  );
  if (changes === 0) throw recordNotFound();
  return id;
}

function fromRow(row: JournalRow): datastore.CaJournal {
  return {
    id: row.id,
    data: row.data ?? Buffer.alloc(0),
    activeX509AuthorityId: row.active_x509_authority_id ?? "",
    activeJwtAuthorityId: row.active_jwt_authority_id ?? "",
  };
}
