import type { Logger } from "@finial/sdk";
import { Code, StatusError } from "@finial/sdk";
import type { Row, Transaction } from "../sql.ts";
import { toTimeColumn } from "../time-column.ts";
import { areCompatible, type CodeVersion, isNewer, parseCodeVersion } from "./code-version.ts";

export const schemaVersion = 25;
const oldestMigrated = 23;
/** The SPIRE release whose schema and behaviour this is. */
const codeVersionText = "1.15.3";
const codeVersion: CodeVersion = { major: 1, minor: 15, patch: 3, prerelease: "" };

/** SPIRE's schema in one product's words. */
export interface SchemaText {
  /** Makes all of it, in order. */
  readonly tables: readonly string[];
  /** Makes a version of its predecessor. */
  readonly migrations: ReadonlyMap<number, string>;
}

export interface MigrateOptions {
  readonly schema: SchemaText;
  readonly isNew: boolean;
  readonly disableMigration: boolean;
  readonly logger: Logger;
}

/**
 * Brings SPIRE's part of the schema to version 25, by SPIRE's rules. A new database is made even if migration is disabled.
 *
 * @throws {StatusError} FailedPrecondition when the database is too old, too new, or must not be touched.
 */
export async function migrate(transaction: Transaction, options: MigrateOptions): Promise<void> {
  const { schema, isNew, disableMigration, logger } = options;
  if (isNew) {
    logger.info("Initializing new database");
    for (const statement of schema.tables) await transaction.run(statement);
    await insertVersion(transaction);
    return;
  }
  const found = await findVersion(transaction);
  const log = logger.with({ schema: String(found.schema), version_info: found.codeText });
  if (found.schema === schemaVersion) {
    log.debug("Code and DB schema versions are the same. No migration needed");
    if (isNewer(codeVersion, found.code)) await setVersion(transaction, schemaVersion);
    return;
  }
  if (disableMigration) {
    if (areCompatible(codeVersion, found.code)) return;
    throw refused("MIGRATION_NEEDED", "auto-migration must be enabled for current DB");
  }
  if (found.schema > schemaVersion) {
    if (!areCompatible(codeVersion, found.code))
      throw refused("SCHEMA_TOO_NEW", "incompatible DB schema and code version");
    log.warn("DB schema is ahead of code version, upgrading is recommended");
    return;
  }
  log.info("Running migrations...");
  await migrateFrom(transaction, schema, found.schema);
  log.info("Done running migrations");
}

async function migrateFrom(transaction: Transaction, schema: SchemaText, from: number): Promise<void> {
  if (from < oldestMigrated)
    throw refused(
      "SCHEMA_TOO_OLD",
      `migrating from schema version ${from} requires a previous SPIRE release; please follow SPIRE's upgrade strategy`,
    );
  for (let version = from + 1; version <= schemaVersion; version++) {
    const statement = schema.migrations.get(version);
    if (statement !== undefined) await transaction.run(statement);
  }
  await setVersion(transaction, schemaVersion);
}

async function findVersion(
  transaction: Transaction,
): Promise<{ readonly schema: number; readonly code: CodeVersion; readonly codeText: string }> {
  const row = await transaction.first<Row & { version: number | null; code_version: string | null }>(
    "SELECT version, code_version FROM migrations ORDER BY id LIMIT 1",
  );
  const codeText = row?.code_version ?? "";
  const code = parseCodeVersion(codeText);
  if (code === undefined)
    throw refused(
      "CODE_VERSION",
      `error getting DB code version: unable to parse code version from DB: "${codeText}"`,
    );
  return { schema: row?.version ?? 0, code, codeText };
}

async function insertVersion(transaction: Transaction): Promise<void> {
  const now = toTimeColumn(transaction.now);
  await transaction.run(
    "INSERT INTO migrations (created_at, updated_at, version, code_version) VALUES (?, ?, ?, ?)",
    now,
    now,
    schemaVersion,
    codeVersionText,
  );
}

async function setVersion(transaction: Transaction, version: number): Promise<void> {
  await transaction.run(
    "UPDATE migrations SET version = ?, code_version = ?, updated_at = ?",
    version,
    codeVersionText,
    toTimeColumn(transaction.now),
  );
}

function refused(reason: string, message: string): StatusError {
  return new StatusError(Code.FailedPrecondition, reason, message);
}
