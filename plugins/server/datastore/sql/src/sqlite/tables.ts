import type { SchemaText } from "../schema/migrate.ts";

const model = `"id" integer primary key autoincrement,"created_at" datetime,"updated_at" datetime`;

/**
 * SPIRE's schema, version 25, in SQLite's words and to the letter: what SPIRE's own tools compare and migrate.
 *
 * @see SPIRE v1.15, datastore sql
 */
const tables: readonly string[] = [
  `CREATE TABLE "federated_registration_entries" ("bundle_id" integer,"registered_entry_id" integer, PRIMARY KEY ("bundle_id","registered_entry_id"))`,
  `CREATE TABLE "bundles" (${model},"trust_domain" varchar(255) NOT NULL,"data" blob )`,
  `CREATE UNIQUE INDEX uix_bundles_trust_domain ON "bundles"(trust_domain) `,
  `CREATE TABLE "attested_node_entries" (${model},"spiffe_id" varchar(255),"data_type" varchar(255),"serial_number" varchar(255),"expires_at" datetime,"new_serial_number" varchar(255),"new_expires_at" datetime,"can_reattest" bool,"agent_version" varchar(255) )`,
  `CREATE INDEX idx_attested_node_entries_expires_at ON "attested_node_entries"(expires_at) `,
  `CREATE UNIQUE INDEX uix_attested_node_entries_spiffe_id ON "attested_node_entries"(spiffe_id) `,
  `CREATE TABLE "attested_node_entries_events" (${model},"spiffe_id" varchar(255) )`,
  `CREATE TABLE "node_resolver_map_entries" (${model},"spiffe_id" varchar(255),"type" varchar(255),"value" varchar(255) )`,
  `CREATE UNIQUE INDEX idx_node_resolver_map ON "node_resolver_map_entries"(spiffe_id, "type", "value") `,
  `CREATE TABLE "registered_entries" (${model},"entry_id" varchar(255),"spiffe_id" varchar(255),"parent_id" varchar(255),"ttl" integer,"admin" bool,"downstream" bool,"expiry" bigint,"revision_number" bigint,"store_svid" bool,"hint" varchar(255),"jwt_svid_ttl" integer,"additional_attributes" blob )`,
  `CREATE INDEX idx_registered_entries_spiffe_id ON "registered_entries"(spiffe_id) `,
  `CREATE INDEX idx_registered_entries_parent_id ON "registered_entries"(parent_id) `,
  `CREATE INDEX idx_registered_entries_expiry ON "registered_entries"("expiry") `,
  `CREATE INDEX idx_registered_entries_hint ON "registered_entries"("hint") `,
  `CREATE UNIQUE INDEX uix_registered_entries_entry_id ON "registered_entries"(entry_id) `,
  `CREATE TABLE "registered_entries_events" (${model},"entry_id" varchar(255) )`,
  `CREATE TABLE "join_tokens" (${model},"token" varchar(255),"expiry" bigint )`,
  `CREATE UNIQUE INDEX uix_join_tokens_token ON "join_tokens"("token") `,
  `CREATE TABLE "selectors" (${model},"registered_entry_id" integer,"type" varchar(255),"value" varchar(255) )`,
  `CREATE INDEX idx_selectors_type_value ON "selectors"("type", "value") `,
  `CREATE UNIQUE INDEX idx_selector_entry ON "selectors"(registered_entry_id, "type", "value") `,
  `CREATE TABLE "migrations" (${model},"version" integer,"code_version" varchar(255) )`,
  `CREATE TABLE "dns_names" (${model},"registered_entry_id" integer,"value" varchar(255) )`,
  `CREATE UNIQUE INDEX idx_dns_entry ON "dns_names"(registered_entry_id, "value") `,
  `CREATE TABLE "federated_trust_domains" (${model},"trust_domain" varchar(255) NOT NULL,"bundle_endpoint_url" varchar(255),"bundle_endpoint_profile" varchar(255),"endpoint_spiffe_id" varchar(255),"implicit" bool )`,
  `CREATE UNIQUE INDEX uix_federated_trust_domains_trust_domain ON "federated_trust_domains"(trust_domain) `,
  `CREATE TABLE "ca_journals" (${model},"data" blob,"active_x509_authority_id" varchar(255),"active_jwt_authority_id" varchar(255) )`,
  `CREATE INDEX idx_ca_journals_active_x509_authority_id ON "ca_journals"(active_x509_authority_id) `,
  `CREATE INDEX idx_ca_journals_active_jwt_authority_id ON "ca_journals"(active_jwt_authority_id) `,
  `CREATE INDEX idx_federated_registration_entries_registered_entry_id ON "federated_registration_entries"(registered_entry_id) `,
];

/** What SPIRE's own migration to the version adds; it starts from version 23, as SPIRE v1.15 does. */
const migrations: ReadonlyMap<number, string> = new Map([
  [24, `ALTER TABLE "attested_node_entries" ADD "agent_version" varchar(255)`],
  [25, `ALTER TABLE "registered_entries" ADD "additional_attributes" blob`],
]);

export const sqliteSchema: SchemaText = { tables, migrations };
