/** A table of SPIRE's, described apart from the statements that make it. */
export interface TableDescription {
  /** Name and type of each column, in order; SQLite itself writes some types in capitals. */
  readonly columns: readonly string[];
  /** Columns that must not be NULL. */
  readonly notNull?: readonly string[];
  readonly primaryKey: readonly string[];
  /** Columns of each index, by name. */
  readonly indexes?: Readonly<Record<string, string>>;
  readonly uniqueIndexes?: Readonly<Record<string, string>>;
}

const id = ["id integer", "created_at datetime", "updated_at datetime"];
const primaryKey = ["id"];

/**
 * What a database made by SPIRE v1.15.3 holds on SQLite, schema version 25.
 *
 * @see SPIRE v1.15.3, datastore sql
 */
export const spireSchema: Readonly<Record<string, TableDescription>> = {
  federated_registration_entries: {
    columns: ["bundle_id integer", "registered_entry_id integer"],
    primaryKey: ["bundle_id", "registered_entry_id"],
    indexes: { idx_federated_registration_entries_registered_entry_id: "registered_entry_id" },
    uniqueIndexes: { sqlite_autoindex_federated_registration_entries_1: "bundle_id, registered_entry_id" },
  },
  bundles: {
    columns: [...id, "trust_domain varchar(255)", "data blob"],
    notNull: ["trust_domain"],
    primaryKey,
    uniqueIndexes: { uix_bundles_trust_domain: "trust_domain" },
  },
  attested_node_entries: {
    columns: [
      ...id,
      "spiffe_id varchar(255)",
      "data_type varchar(255)",
      "serial_number varchar(255)",
      "expires_at datetime",
      "new_serial_number varchar(255)",
      "new_expires_at datetime",
      "can_reattest bool",
      "agent_version varchar(255)",
    ],
    primaryKey,
    indexes: { idx_attested_node_entries_expires_at: "expires_at" },
    uniqueIndexes: { uix_attested_node_entries_spiffe_id: "spiffe_id" },
  },
  attested_node_entries_events: { columns: [...id, "spiffe_id varchar(255)"], primaryKey },
  node_resolver_map_entries: {
    columns: [...id, "spiffe_id varchar(255)", "type varchar(255)", "value varchar(255)"],
    primaryKey,
    uniqueIndexes: { idx_node_resolver_map: "spiffe_id, type, value" },
  },
  registered_entries: {
    columns: [
      ...id,
      "entry_id varchar(255)",
      "spiffe_id varchar(255)",
      "parent_id varchar(255)",
      "ttl integer",
      "admin bool",
      "downstream bool",
      "expiry bigint",
      "revision_number bigint",
      "store_svid bool",
      "hint varchar(255)",
      "jwt_svid_ttl integer",
      "additional_attributes blob",
    ],
    primaryKey,
    indexes: {
      idx_registered_entries_expiry: "expiry",
      idx_registered_entries_hint: "hint",
      idx_registered_entries_parent_id: "parent_id",
      idx_registered_entries_spiffe_id: "spiffe_id",
    },
    uniqueIndexes: { uix_registered_entries_entry_id: "entry_id" },
  },
  registered_entries_events: { columns: [...id, "entry_id varchar(255)"], primaryKey },
  join_tokens: {
    columns: [...id, "token varchar(255)", "expiry bigint"],
    primaryKey,
    uniqueIndexes: { uix_join_tokens_token: "token" },
  },
  selectors: {
    columns: [...id, "registered_entry_id integer", "type varchar(255)", "value varchar(255)"],
    primaryKey,
    indexes: { idx_selectors_type_value: "type, value" },
    uniqueIndexes: { idx_selector_entry: "registered_entry_id, type, value" },
  },
  migrations: { columns: [...id, "version integer", "code_version varchar(255)"], primaryKey },
  dns_names: {
    columns: [...id, "registered_entry_id integer", "value varchar(255)"],
    primaryKey,
    uniqueIndexes: { idx_dns_entry: "registered_entry_id, value" },
  },
  federated_trust_domains: {
    columns: [
      ...id,
      "trust_domain varchar(255)",
      "bundle_endpoint_url varchar(255)",
      "bundle_endpoint_profile varchar(255)",
      "endpoint_spiffe_id varchar(255)",
      "implicit bool",
    ],
    notNull: ["trust_domain"],
    primaryKey,
    uniqueIndexes: { uix_federated_trust_domains_trust_domain: "trust_domain" },
  },
  ca_journals: {
    columns: [
      ...id,
      "data blob",
      "active_x509_authority_id varchar(255)",
      "active_jwt_authority_id varchar(255)",
    ],
    primaryKey,
    indexes: {
      idx_ca_journals_active_jwt_authority_id: "active_jwt_authority_id",
      idx_ca_journals_active_x509_authority_id: "active_x509_authority_id",
    },
  },
};
