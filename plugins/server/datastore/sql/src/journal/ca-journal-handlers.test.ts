import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { DataStore } from "@finial/sdk/server";
import { loadPlugin } from "@finial/sdk/testing";
import { plugin } from "../plugin.ts";
import { DataFolder } from "../testing/data-folder.ts";

describe("fetchCaJournal", () => {
  it("gives the newest of several with the same authority, as SPIRE does", async () => {
    using folder = new DataFolder();
    await using loaded = await loadPlugin(plugin, { config: folder.config() });
    const store = loaded.client(DataStore.definition);
    const activeX509AuthorityId = "aa";
    for (const byte of [1, 2])
      await store.setCaJournal({ journal: { data: Buffer.of(byte), activeX509AuthorityId } });
    const { journal } = await store.fetchCaJournal({ activeX509AuthorityId });
    assert.deepEqual(journal?.data, Buffer.of(2));
  });

  it("reads what SPIRE leaves empty", async () => {
    using folder = new DataFolder();
    await using loaded = await loadPlugin(plugin, { config: folder.config() });
    folder.with((connection) =>
      connection.exec("INSERT INTO ca_journals (active_x509_authority_id) VALUES ('aa')"),
    );
    const { journal } = await loaded
      .client(DataStore.definition)
      .fetchCaJournal({ activeX509AuthorityId: "aa" });
    assert.deepEqual(journal, {
      id: 1,
      data: Buffer.alloc(0),
      activeX509AuthorityId: "aa",
      activeJwtAuthorityId: "",
    });
  });
});
