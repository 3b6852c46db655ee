import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { Code } from "@finial/sdk";
import { type CapturedLog, captureLog } from "@finial/sdk/testing";
import { DataFolder } from "../testing/data-folder.ts";
import { describeSchema } from "../testing/describe-schema.ts";
import { spireSchema } from "../testing/spire-schema.ts";

/** What older versions do not have yet, as `ALTER TABLE` takes it away. */
const added = [
  [25, "registered_entries", "additional_attributes"],
  [24, "attested_node_entries", "agent_version"],
] as const;

/** A database as a SPIRE release of an older schema, or a newer one, left it: an entry and a node are in it. */
async function makeVersion(folder: DataFolder, schema: number, code: string): Promise<void> {
  await (await folder.open())[Symbol.asyncDispose]();
  folder.with((connection) => {
    const names = connection
      .prepare<[], { type: string; name: string }>(
        "SELECT type, name FROM sqlite_master WHERE name GLOB 'finial_*'",
      )
      .all();
    for (const { type, name } of names) connection.exec(`DROP ${type} IF EXISTS "${name}"`);
    for (const [version, table, column] of added)
      if (schema < version) connection.exec(`ALTER TABLE "${table}" DROP COLUMN "${column}"`);
    connection.prepare("UPDATE migrations SET version = ?, code_version = ?").run(schema, code);
    connection.exec(`INSERT INTO registered_entries (entry_id, spiffe_id) VALUES ('old', 'spiffe://example.org/old');
      INSERT INTO attested_node_entries (spiffe_id, serial_number) VALUES ('spiffe://example.org/node', '1')`);
  });
}

async function opened(folder: DataFolder, disableMigration = false): Promise<CapturedLog> {
  const logger = captureLog();
  await (await folder.open({ disableMigration, logger }))[Symbol.asyncDispose]();
  return logger;
}

function migrationsOf(folder: DataFolder): unknown[] {
  return folder.with((connection) =>
    connection.prepare("SELECT id, version, code_version FROM migrations").all(),
  );
}

describe("a SQLite database's schema", () => {
  it("is SPIRE's, table by table, and says so", async () => {
    using folder = new DataFolder();
    const { lines } = await opened(folder);
    assert.deepEqual(folder.with(describeSchema), spireSchema);
    assert.deepEqual(migrationsOf(folder), [{ id: 1, version: 25, code_version: "1.15.3" }]);
    assert.ok(lines.some(({ message }) => message === "Initializing new database"));
  });

  it("has our change log beside it, and stays as it is when it is opened again", async () => {
    using folder = new DataFolder();
    const objects = (): unknown[] =>
      folder.with((connection) => connection.prepare("SELECT * FROM sqlite_master").all());
    await opened(folder);
    const first = objects();
    await opened(folder);
    assert.deepEqual(objects(), first);
    assert.ok(JSON.stringify(first).includes("finial_changes"));
  });

  for (const version of [23, 24])
    it(`is made of version ${version}, which loses nothing`, async () => {
      using folder = new DataFolder();
      await makeVersion(folder, version, "1.14.7");
      const { lines } = await opened(folder);
      assert.deepEqual(folder.with(describeSchema), spireSchema);
      assert.deepEqual(migrationsOf(folder), [{ id: 1, version: 25, code_version: "1.15.3" }]);
      assert.ok(lines.some(({ message }) => message === "Running migrations..."));
      assert.deepEqual(
        folder.with((connection) => [
          connection.prepare("SELECT entry_id, additional_attributes FROM registered_entries").all(),
          connection.prepare("SELECT spiffe_id, agent_version FROM attested_node_entries").all(),
        ]),
        [
          [{ entry_id: "old", additional_attributes: null }],
          [{ spiffe_id: "spiffe://example.org/node", agent_version: null }],
        ],
      );
    });

  it("is refused when it is too old, too new for this release, or must not be migrated, and is not touched", async () => {
    for (const [schema, code, disableMigration, message] of [
      [
        22,
        "1.7.5",
        false,
        "migrating from schema version 22 requires a previous SPIRE release; please follow SPIRE's upgrade strategy",
      ],
      [26, "1.17.0", false, "incompatible DB schema and code version"],
      [24, "1.13.0", true, "auto-migration must be enabled for current DB"],
      [26, "1.17.0", true, "auto-migration must be enabled for current DB"],
      [24, "a.2*.3", false, 'error getting DB code version: unable to parse code version from DB: "a.2*.3"'],
    ] as const) {
      using folder = new DataFolder();
      await makeVersion(folder, schema, code);
      const before = folder.with(describeSchema);
      await assert.rejects(folder.open({ disableMigration }), { code: Code.FailedPrecondition, message });
      assert.deepEqual(folder.with(describeSchema), before);
      assert.deepEqual(migrationsOf(folder), [{ id: 1, version: schema, code_version: code }]);
    }
  });

  it("is used as it is where SPIRE would: a near release's, ahead or behind", async () => {
    for (const [schema, code, disableMigration] of [
      [26, "1.16.0", false],
      [26, "1.16.0", true],
      [24, "1.14.7", true],
    ] as const) {
      using folder = new DataFolder();
      await makeVersion(folder, schema, code);
      const { lines } = await opened(folder, disableMigration);
      assert.deepEqual(migrationsOf(folder), [{ id: 1, version: schema, code_version: code }]);
      const warns = lines.some(({ level }) => level === "warn");
      assert.equal(warns, !disableMigration);
    }
  });

  it("gets the label of the newest release that opened it", async () => {
    using folder = new DataFolder();
    for (const [before, after] of [
      ["1.15.0", "1.15.3"],
      ["1.15.3-dev-unk", "1.15.3"],
      ["", "1.15.3"],
      ["1.15.4", "1.15.4"],
    ]) {
      await opened(folder);
      folder.with((connection) => connection.prepare("UPDATE migrations SET code_version = ?").run(before));
      await opened(folder);
      assert.deepEqual(migrationsOf(folder), [{ id: 1, version: 25, code_version: after }]);
    }
  });

  it("is made once by two that open at the same time", async () => {
    using folder = new DataFolder();
    const [one, other] = await Promise.all([folder.open(), folder.open()]);
    await using first = one;
    await using second = other;
    assert.notEqual(first, second);
    assert.equal(migrationsOf(folder).length, 1);
  });
});
