import type { datastore } from "@finial/sdk/server";
import { invalidArgument, recordNotFound } from "../errors.ts";
import type { CurrentDatabase, DataStoreHandlers } from "../handlers.ts";
import { readInParts } from "../paging.ts";
import { toTimeColumn } from "../time-column.ts";
import { findRelationship, listRelationships, toColumns } from "./federation-table.ts";

type FederationRpcs =
  | "createFederationRelationship"
  | "fetchFederationRelationship"
  | "listFederationRelationships"
  | "updateFederationRelationship"
  | "deleteFederationRelationship";

export function federationHandlers(database: CurrentDatabase): Pick<DataStoreHandlers, FederationRpcs> {
  return {
    createFederationRelationship: async (request) => {
      const relationship = requireRelationship(request.relationship);
      const columns = toColumns(relationship);
      await database().write(async (transaction) => {
        const now = toTimeColumn(transaction.now);
        await transaction.run(
          `INSERT INTO federated_trust_domains
           (created_at, updated_at, trust_domain, implicit, ${Object.keys(columns).join(", ")})
           VALUES (?, ?, ?, 0, ?, ?, ?)`,
          now,
          now,
          relationship.trustDomain,
          ...Object.values(columns),
        );
      });
      return { relationship };
    },
    fetchFederationRelationship: async ({ trustDomain }) => {
      const found = await database().read((sql) => findRelationship(sql, trustDomain));
      return { relationship: found?.relationship };
    },
    listFederationRelationships: async function* ({ page }) {
      const parts = database().readParts((sql) =>
        readInParts(page, (after, limit) => listRelationships(sql, after, limit)),
      );
      for await (const { items, nextPageToken } of parts)
        yield { relationships: items.map(({ relationship }) => relationship), nextPageToken };
    },
    updateFederationRelationship: async (request) => {
      const relationship = requireRelationship(request.relationship);
      const columns = toColumns(relationship);
      const sets = Object.keys(columns).map((name) => `${name} = ?`);
      await database().write(async (transaction) => {
        const { changes } = await transaction.run(
          `UPDATE federated_trust_domains SET updated_at = ?, ${sets.join(", ")} WHERE trust_domain = ?`,
          toTimeColumn(transaction.now),
          ...Object.values(columns),
          relationship.trustDomain,
        );
        if (changes === 0) throw recordNotFound();
      });
      return { relationship };
    },
    deleteFederationRelationship: async ({ trustDomain }) => {
      await database().write(async (transaction) => {
        const statement = "DELETE FROM federated_trust_domains WHERE trust_domain = ?";
        const { changes } = await transaction.run(statement, trustDomain);
        if (changes === 0) throw recordNotFound();
      });
      return {};
    },
  };
}

function requireRelationship(
  relationship: datastore.FederationRelationship | undefined,
): datastore.FederationRelationship {
  if (relationship === undefined)
    throw invalidArgument("RELATIONSHIP_MISSING", "federation relationship is nil");
  return relationship;
}
