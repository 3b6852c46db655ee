import type { datastore } from "@finial/sdk/server";
import { invalidArgument } from "../errors.ts";
import type { CurrentDatabase, DataStoreHandlers } from "../handlers.ts";
import type { Row, Sql } from "../sql.ts";
import { toTimeColumn } from "../time-column.ts";

type JoinTokenRpcs = "createJoinToken" | "fetchJoinToken" | "takeJoinToken" | "pruneJoinTokens";

/** No message ever holds a token. */
export function joinTokenHandlers(database: CurrentDatabase): Pick<DataStoreHandlers, JoinTokenRpcs> {
  return {
    createJoinToken: async ({ joinToken }) => {
      if (joinToken === undefined || joinToken.token === "" || joinToken.expiresAt === 0)
        throw invalidArgument("JOIN_TOKEN_INCOMPLETE", "token and expiry are required");
      await database().write(async (transaction) => {
        const now = toTimeColumn(transaction.now);
        await transaction.run(
          "INSERT INTO join_tokens (created_at, updated_at, token, expiry) VALUES (?, ?, ?, ?)",
          now,
          now,
          joinToken.token,
          joinToken.expiresAt,
        );
      });
      return {};
    },
    fetchJoinToken: async ({ token }) => ({
      joinToken: await database().read((sql) => findJoinToken(sql, token)),
    }),
    takeJoinToken: async ({ token }) => ({
      joinToken: await database().write(async (transaction) => {
        const found = await findJoinToken(transaction, token);
        if (found === undefined) return undefined;
        // Where other servers write at the same time, only the deletion tells who was first.
        const { changes } = await transaction.run("DELETE FROM join_tokens WHERE token = ?", token);
        return changes === 1 ? found : undefined;
      }),
    }),
    pruneJoinTokens: async ({ expiredBefore }) => {
      await database().write((transaction) =>
        transaction.run("DELETE FROM join_tokens WHERE expiry < ?", expiredBefore),
      );
      return {};
    },
  };
}

async function findJoinToken(sql: Sql, token: string): Promise<datastore.JoinToken | undefined> {
  const row = await sql.first<Row & { readonly token: string; readonly expiry: number | null }>(
    "SELECT token, expiry FROM join_tokens WHERE token = ?",
    token,
  );
  return row && { token: row.token, expiresAt: row.expiry ?? 0 };
}
