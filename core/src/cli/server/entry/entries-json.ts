import { Entry } from "@finial/proto/api/types/entry";
import { nearest } from "@finial/sdk/hcl";
import { parseSpiffeId, parseTrustDomain } from "@finial/sdk/spiffe";
import { toWireSpiffeId } from "../../../kernel/convert/spiffe-id.ts";
import { messageOf } from "../../io.ts";
import { usageError } from "../../usage-error.ts";

type Json = Readonly<Record<string, unknown>>;

/**
 * Reads `{"entries": [{"spiffe_id": "spiffe://…", "parent_id": …, "selectors": [{"type", "value"}], …}]}`.
 * Keys are in any case, as Go reads them; one that is nearly known is refused, others are passed over.
 *
 * @throws {StatusError} InvalidArgument saying which entry and key is wrong.
 */
export function parseEntriesJson(text: string): Entry[] {
  let document: unknown;
  try {
    document = JSON.parse(text);
  } catch (error) {
    throw usageError(`the data is not JSON: ${messageOf(error)}`);
  }
  const { entries } = readKeys(document, { entries: list }, "data");
  return (entries ?? []).map((entry, index) => readEntry(entry, `entries[${index}]`));
}

const entryKeys = {
  selectors: list,
  parent_id: string,
  spiffe_id: string,
  x509_svid_ttl: number,
  federates_with: list,
  entry_id: string,
  admin: boolean,
  downstream: boolean,
  entryExpiry: number,
  dns_names: list,
  revision_number: number,
  store_svid: boolean,
  jwt_svid_ttl: number,
  hint: string,
  created_at: number,
  additional_attributes: object,
};

function readEntry(value: unknown, path: string): Entry {
  const entry = readKeys(value, entryKeys, path);
  const id = (key: "spiffe_id" | "parent_id", name: string) => {
    try {
      return toWireSpiffeId(parseSpiffeId(entry[key] ?? ""));
    } catch (error) {
      throw usageError(`${path}: invalid ${name}: ${messageOf(error)}`);
    }
  };
  const strings = (key: "federates_with" | "dns_names"): string[] =>
    (entry[key] ?? []).map((item, index) => string(item, `${path}.${key}[${index}]`));
  const attributes =
    entry.additional_attributes &&
    readKeys(
      entry.additional_attributes,
      { disable_x509_svid_prefetch: boolean, jwt_svid_include_jti: boolean },
      `${path}.additional_attributes`,
    );
  return {
    ...Entry.create(),
    id: entry.entry_id ?? "",
    spiffeId: id("spiffe_id", "SPIFFE ID"),
    parentId: id("parent_id", "parent ID"),
    selectors: (entry.selectors ?? []).map((item, index) => {
      const selector = readKeys(item, { type: string, value: string }, `${path}.selectors[${index}]`);
      return { type: selector.type ?? "", value: selector.value ?? "" };
    }),
    federatesWith: strings("federates_with").map((name) => parseTrustDomain(name).name),
    dnsNames: strings("dns_names"),
    x509SvidTtl: entry.x509_svid_ttl ?? 0,
    jwtSvidTtl: entry.jwt_svid_ttl ?? 0,
    admin: entry.admin ?? false,
    downstream: entry.downstream ?? false,
    storeSvid: entry.store_svid ?? false,
    expiresAt: entry.entryExpiry ?? 0,
    hint: entry.hint ?? "",
    additionalAttributes: attributes && {
      disableX509SvidPrefetch: attributes.disable_x509_svid_prefetch ?? false,
      jwtSvidIncludeJti: attributes.jwt_svid_include_jti ?? false,
    },
  };
}

type Reader<T> = (value: unknown, path: string) => T;
type Read<K extends Record<string, Reader<unknown>>> = { [N in keyof K]: ReturnType<K[N]> | undefined };

function readKeys<K extends Record<string, Reader<unknown>>>(value: unknown, keys: K, path: string): Read<K> {
  const names = Object.keys(keys);
  const result: Record<string, unknown> = {};
  for (const [key, item] of Object.entries(object(value, path))) {
    const name = names.find((known) => known.toLowerCase() === key.toLowerCase());
    const meant = name === undefined ? nearest(key, names) : undefined;
    if (meant !== undefined) throw usageError(`${path}: unknown key "${key}"; did you mean "${meant}"?`);
    if (name !== undefined && item !== null) result[name] = keys[name]?.(item, `${path}.${name}`);
  }
  return result as Read<K>;
}

function object(value: unknown, path: string): Json {
  if (typeof value === "object" && value !== null && !Array.isArray(value)) return value as Json;
  throw usageError(`${path} takes an object`);
}

function list(value: unknown, path: string): readonly unknown[] {
  if (Array.isArray(value)) return value;
  throw usageError(`${path} takes a list`);
}

function string(value: unknown, path: string): string {
  if (typeof value === "string") return value;
  throw usageError(`${path} takes a string`);
}

function number(value: unknown, path: string): number {
  if (Number.isSafeInteger(value)) return value as number;
  throw usageError(`${path} takes a whole number`);
}

function boolean(value: unknown, path: string): boolean {
  if (typeof value === "boolean") return value;
  throw usageError(`${path} takes true or false`);
}
