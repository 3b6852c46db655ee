import { fromWireSeconds, toWireSeconds } from "../../kernel/convert/instant.ts";
import type { DataStore, JoinToken } from "./datastore.ts";
import { type Ask, answered, askForAll, distrusted, found } from "./store-answers.ts";

type RecordCalls =
  | "createJoinToken"
  | "findJoinToken"
  | "takeJoinToken"
  | "pruneJoinTokens"
  | "setCaJournal"
  | "findCaJournal"
  | "listCaJournals"
  | "deleteCaJournal";

/** What the store keeps without understanding it: join tokens and CA journals. */
export function storeRecords(ask: Ask): Pick<DataStore, RecordCalls> {
  return {
    createJoinToken: ({ token, expiresAt }) =>
      ask(async (store) => {
        await store.createJoinToken({ joinToken: { token, expiresAt: toWireSeconds(expiresAt) } });
      }),
    findJoinToken: (token) =>
      ask(async (store) => sameToken((await store.fetchJoinToken({ token })).joinToken, token)),
    takeJoinToken: (token) =>
      ask(async (store) => sameToken((await store.takeJoinToken({ token })).joinToken, token)),
    pruneJoinTokens: (expiredBefore) =>
      ask(async (store) => {
        await store.pruneJoinTokens({ expiredBefore: toWireSeconds(expiredBefore) });
      }),
    setCaJournal: (journal) =>
      ask(async (store) => {
        const { id } = await store.setCaJournal({ journal });
        if (id === 0 || (journal.id !== 0 && id !== journal.id))
          throw distrusted(`plugin saved CA journal ${journal.id} as ${id}`);
        return id;
      }),
    findCaJournal: (activeX509AuthorityId) =>
      ask(async (store) => {
        const { journal } = await store.fetchCaJournal({ activeX509AuthorityId });
        return found(
          journal,
          "CA journal",
          (same) => same,
          (same) => same.activeX509AuthorityId === activeX509AuthorityId,
        );
      }),
    listCaJournals: () =>
      askForAll(ask, async (store) =>
        (await Array.fromAsync(store.listCaJournals({}), ({ journals }) => journals)).flat(),
      ),
    deleteCaJournal: (id) =>
      ask(async (store) => {
        await store.deleteCaJournal({ id });
      }),
  };
}

/** The message never says which token. */
function sameToken(
  wire: { readonly token: string; readonly expiresAt: number } | undefined,
  token: string,
): JoinToken | undefined {
  return found(
    wire,
    "join token",
    (it) => ({
      token: it.token,
      expiresAt: answered(fromWireSeconds(it.expiresAt), "expiry", (same) => same),
    }),
    (it) => it.token === token,
  );
}
