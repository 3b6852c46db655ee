import { Certificate } from "@finial/sdk/crypto";
import { parseSelector, parseSpiffeId, parseTrustDomain } from "@finial/sdk/spiffe";
import type { AuthorizedEntry } from "./authorized-entry.ts";
import type { CachedX509Svid } from "./workload-update.ts";

/** What differs from an entry `spiffe://example.org/<id>` at revision 0 for workloads with `x:<id>`. */
export interface FakeEntryOptions
  extends Partial<Omit<AuthorizedEntry, "id" | "spiffeId" | "selectors" | "federatesWith">> {
  /** By default `/` and the ID. */
  readonly path?: string;
  /** As `type:value`. */
  readonly selectors?: readonly string[];
  /** Names of trust domains. */
  readonly federatesWith?: readonly string[];
}

/** An entry as a server could have sent it. For tests. */
export function fakeEntry(id: string, options: FakeEntryOptions = {}): AuthorizedEntry {
  const { path = `/${id}`, selectors = [`x:${id}`], federatesWith = [], ...fields } = options;
  return {
    id,
    spiffeId: parseSpiffeId(`spiffe://example.org${path}`),
    selectors: selectors.map(parseSelector),
    federatesWith: federatesWith.map(parseTrustDomain),
    admin: false,
    downstream: false,
    revisionNumber: 0,
    storeSvid: false,
    hint: "",
    createdAt: new Date("2026-01-01T00:00:00Z"),
    disableX509SvidPrefetch: false,
    jwtSvidIncludeJti: false,
    ...fields,
  };
}

export function byId(entries: readonly AuthorizedEntry[]): ReadonlyMap<string, AuthorizedEntry> {
  return new Map(entries.map((entry) => [entry.id, entry]));
}

/** As the cache keeps it. */
export function toCachedSvid(svid: Pick<CachedX509Svid, "chainDer" | "keyPkcs8Der">): CachedX509Svid {
  const { chainDer, keyPkcs8Der } = svid;
  return { leaf: Certificate.parse(chainDer[0] ?? Buffer.alloc(0)), chainDer, keyPkcs8Der };
}
