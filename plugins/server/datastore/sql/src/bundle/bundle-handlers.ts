import type { datastore } from "@finial/sdk/server";
import { invalidArgument } from "../errors.ts";
import type { CurrentDatabase, DataStoreHandlers } from "../handlers.ts";
import { readInParts } from "../paging.ts";
import type { Row, Transaction } from "../sql.ts";
import { toTrustDomainId } from "../trust-domain-column.ts";
import {
  type ChangedJwtKey,
  withAuthoritiesOf,
  withoutExpired,
  withoutJwtKey,
  withoutX509,
  withTaintedJwtKey,
  withTaintedX509,
} from "./authorities.ts";
import { fromStoredBundle, fromStoredJwtKey, type StoredBundle, toStoredBundle } from "./bundle-blob.ts";
import { findBundle, getBundle, insertBundle, listBundles, saveBundle } from "./bundle-table.ts";
import { deleteBundle } from "./delete-bundle.ts";

type BundleRpcs =
  | "fetchBundle"
  | "listBundles"
  | "countBundles"
  | "createBundle"
  | "setBundle"
  | "updateBundle"
  | "appendBundle"
  | "deleteBundle"
  | "pruneBundle"
  | "taintX509Authority"
  | "revokeX509Authority"
  | "taintJwtAuthority"
  | "revokeJwtAuthority";

const everything: datastore.BundleMask = {
  x509Authorities: true,
  jwtAuthorities: true,
  refreshHint: true,
  sequenceNumber: true,
};

export function bundleHandlers(database: CurrentDatabase): Pick<DataStoreHandlers, BundleRpcs> {
  return {
    fetchBundle: async ({ trustDomain }) => {
      const found = await database().read((sql) => findBundle(sql, toTrustDomainId(trustDomain)));
      return { bundle: found && fromStoredBundle(found.bundle) };
    },
    listBundles: async function* ({ page }) {
      const parts = database().readParts((sql) =>
        readInParts(page, (after, limit) => listBundles(sql, after, limit)),
      );
      for await (const { items, nextPageToken } of parts)
        yield { bundles: items.map(({ bundle }) => fromStoredBundle(bundle)), nextPageToken };
    },
    countBundles: async () => {
      const row = await database().read((sql) =>
        sql.first<Row & { readonly count: number }>("SELECT COUNT(*) AS count FROM bundles"),
      );
      return { count: row?.count ?? 0 };
    },
    createBundle: async ({ bundle }) => {
      const stored = toStoredBundle(requireBundle(bundle));
      await database().write((transaction) => insertBundle(transaction, stored));
      return { bundle };
    },
    setBundle: async ({ bundle }) => {
      const stored = toStoredBundle(requireBundle(bundle));
      const set = await database().write((transaction) =>
        insertOrChange(transaction, stored, (held) => merged(held, stored, everything)),
      );
      return { bundle: fromStoredBundle(set) };
    },
    updateBundle: async ({ bundle, mask }) => {
      const stored = toStoredBundle(requireBundle(bundle));
      const updated = await database().write((transaction) =>
        change(transaction, stored.trustDomainId, (held) => merged(held, stored, mask ?? everything)),
      );
      return { bundle: fromStoredBundle(updated) };
    },
    appendBundle: async ({ bundle }) => {
      const stored = toStoredBundle(requireBundle(bundle));
      const appended = await database().write((transaction) =>
        insertOrChange(transaction, stored, (held) => withAuthoritiesOf(held, stored)),
      );
      return { bundle: fromStoredBundle(appended) };
    },
    deleteBundle: async ({ trustDomain, mode }) => {
      const id = toTrustDomainId(trustDomain);
      await database().write((transaction) => deleteBundle(transaction, id, mode));
      return {};
    },
    pruneBundle: async ({ trustDomain, expiredBefore }) => {
      const id = toTrustDomainId(trustDomain);
      const instant = new Date(expiredBefore * 1000);
      return { changed: await database().write((transaction) => prune(transaction, id, instant)) };
    },
    taintX509Authority: async ({ trustDomain, subjectKeyId }) => {
      const id = toTrustDomainId(trustDomain);
      await database().write((transaction) =>
        change(transaction, id, (held) => withTaintedX509(held, subjectKeyId)),
      );
      return {};
    },
    revokeX509Authority: async ({ trustDomain, subjectKeyId }) => {
      const id = toTrustDomainId(trustDomain);
      await database().write((transaction) =>
        change(transaction, id, (held) => withoutX509(held, subjectKeyId)),
      );
      return {};
    },
    taintJwtAuthority: async ({ trustDomain, keyId }) => ({
      jwtAuthority: await changeJwtKey(database, trustDomain, (held) => withTaintedJwtKey(held, keyId)),
    }),
    revokeJwtAuthority: async ({ trustDomain, keyId }) => ({
      jwtAuthority: await changeJwtKey(database, trustDomain, (held) => withoutJwtKey(held, keyId)),
    }),
  };
}

/** What is held, with the other's values where the mask says so. */
function merged(held: StoredBundle, other: StoredBundle, mask: datastore.BundleMask): StoredBundle {
  return {
    ...held,
    rootCas: mask.x509Authorities ? other.rootCas : held.rootCas,
    jwtSigningKeys: mask.jwtAuthorities ? other.jwtSigningKeys : held.jwtSigningKeys,
    refreshHint: mask.refreshHint ? other.refreshHint : held.refreshHint,
    sequenceNumber: mask.sequenceNumber ? other.sequenceNumber : held.sequenceNumber,
  };
}

/** @throws {StatusError} NotFound. */
async function change(
  transaction: Transaction,
  trustDomainId: string,
  next: (held: StoredBundle) => StoredBundle,
): Promise<StoredBundle> {
  const { id, bundle } = await getBundle(transaction, trustDomainId);
  const changed = next(bundle);
  await saveBundle(transaction, { id, bundle: changed });
  return changed;
}

/** @param next undefined: nothing to change. */
async function insertOrChange(
  transaction: Transaction,
  bundle: StoredBundle,
  next: (held: StoredBundle) => StoredBundle | undefined,
): Promise<StoredBundle> {
  const held = await findBundle(transaction, bundle.trustDomainId);
  if (held === undefined) {
    await insertBundle(transaction, bundle);
    return bundle;
  }
  const changed = next(held.bundle);
  if (changed !== undefined) await saveBundle(transaction, { id: held.id, bundle: changed });
  return changed ?? held.bundle;
}

async function prune(transaction: Transaction, trustDomainId: string, instant: Date): Promise<boolean> {
  const held = await findBundle(transaction, trustDomainId);
  if (held === undefined) return false;
  const pruned = withoutExpired(held.bundle, instant);
  if (pruned === undefined) return false;
  await saveBundle(transaction, { id: held.id, bundle: pruned });
  return true;
}

async function changeJwtKey(
  database: CurrentDatabase,
  trustDomain: string,
  next: (held: StoredBundle) => ChangedJwtKey,
): Promise<datastore.JwtAuthority> {
  const trustDomainId = toTrustDomainId(trustDomain);
  return await database().write(async (transaction) => {
    const { id, bundle } = await getBundle(transaction, trustDomainId);
    const changed = next(bundle);
    await saveBundle(transaction, { id, bundle: changed.bundle });
    return fromStoredJwtKey(changed.key);
  });
}

function requireBundle(bundle: datastore.Bundle | undefined): datastore.Bundle {
  if (bundle === undefined) throw invalidArgument("BUNDLE_MISSING", "missing bundle in request");
  return bundle;
}
