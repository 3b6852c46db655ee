import type { datastore } from "@finial/sdk/server";
import { corrupt, invalidArgument } from "../errors.ts";
import type { Row, Sql, SqlValue } from "../sql.ts";

/** A relationship and the id of its row. */
export interface StoredRelationship {
  readonly id: number;
  readonly relationship: datastore.FederationRelationship;
}

type RelationshipRow = Row & {
  readonly id: number;
  readonly trust_domain: string;
  readonly bundle_endpoint_url: string | null;
  readonly bundle_endpoint_profile: string | null;
  readonly endpoint_spiffe_id: string | null;
};

const columns = "id, trust_domain, bundle_endpoint_url, bundle_endpoint_profile, endpoint_spiffe_id";

export async function findRelationship(
  sql: Sql,
  trustDomain: string,
): Promise<StoredRelationship | undefined> {
  const row = await sql.first<RelationshipRow>(
    `SELECT ${columns} FROM federated_trust_domains WHERE trust_domain = ?`,
    trustDomain,
  );
  return row && fromRow(row);
}

export async function listRelationships(
  sql: Sql,
  after: number,
  limit: number,
): Promise<StoredRelationship[]> {
  const rows = await sql.all<RelationshipRow>(
    `SELECT ${columns} FROM federated_trust_domains WHERE id > ? ORDER BY id LIMIT ?`,
    after,
    limit,
  );
  return rows.map(fromRow);
}

/** What an update may change. @throws {StatusError} InvalidArgument for an incomplete relationship. */
export function toColumns(
  relationship: datastore.FederationRelationship,
): Readonly<Record<string, SqlValue>> {
  const { trustDomain, bundleEndpointUrl, profile } = relationship;
  if (trustDomain === "") throw invalidArgument("TRUST_DOMAIN_MISSING", "trust domain is required");
  if (bundleEndpointUrl === "")
    throw invalidArgument("ENDPOINT_URL_MISSING", "bundle endpoint URL is required");
  if (profile === undefined)
    throw invalidArgument("ENDPOINT_PROFILE", 'unknown bundle endpoint profile type: ""');
  const endpointSpiffeId = profile.$case === "httpsSpiffe" ? profile.value.endpointSpiffeId : "";
  if (profile.$case === "httpsSpiffe" && endpointSpiffeId === "")
    throw invalidArgument("ENDPOINT_SPIFFE_ID_MISSING", "bundle endpoint SPIFFE ID is required");
  return {
    bundle_endpoint_url: bundleEndpointUrl,
    bundle_endpoint_profile: profile.$case === "httpsSpiffe" ? "https_spiffe" : "https_web",
    endpoint_spiffe_id: endpointSpiffeId,
  };
}

function fromRow(row: RelationshipRow): StoredRelationship {
  return {
    id: row.id,
    relationship: {
      trustDomain: row.trust_domain,
      bundleEndpointUrl: row.bundle_endpoint_url ?? "",
      profile: profileOf(row),
    },
  };
}

function profileOf(row: RelationshipRow): datastore.FederationRelationship["profile"] {
  switch (row.bundle_endpoint_profile) {
    case "https_web":
      return { $case: "httpsWeb", value: {} };
    case "https_spiffe":
      return { $case: "httpsSpiffe", value: { endpointSpiffeId: row.endpoint_spiffe_id ?? "" } };
    default:
      throw corrupt(`unknown bundle endpoint profile type: "${row.bundle_endpoint_profile}"`);
  }
}
