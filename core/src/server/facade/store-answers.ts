import type {
  DataStoreDefinition,
  Page as WirePage,
} from "@finial/proto/plugin/server/datastore/v1/datastore";
import { MatchBehavior as WireMatch } from "@finial/proto/plugin/server/datastore/v1/datastore";
import { Code, StatusError } from "@finial/sdk";
import type { Client } from "@finial/sdk/internal";
import type { MatchBehavior, Page, PageRequest } from "./datastore.ts";

export type StoreClient = Client<typeof DataStoreDefinition>;

/** Asks the plugin and reads its answer; whatever goes wrong is said to be the plugin's, once. */
export type Ask = <T>(work: (client: StoreClient) => Promise<T>) => Promise<T>;

/** As often as other calls that are made again. */
const maxAttempts = 3;

/** Asks for a list, which comes in parts: all of it anew when the plugin's process ends in the middle, as nobody has seen a part yet. */
export function askForAll<T>(ask: Ask, work: (client: StoreClient) => Promise<T>): Promise<T> {
  return ask(async (client) => {
    for (let attempt = 1; ; attempt++) {
      try {
        return await work(client);
      } catch (error) {
        if (attempt === maxAttempts || StatusError.from(error).reason !== "PLUGIN_EXITED") throw error;
      }
    }
  });
}

export const wireMatches: Readonly<Record<MatchBehavior, WireMatch>> = {
  exact: WireMatch.MATCH_EXACT,
  subset: WireMatch.MATCH_SUBSET,
  superset: WireMatch.MATCH_SUPERSET,
  any: WireMatch.MATCH_ANY,
};

/** An answer that no store may give. */
export function distrusted(message: string): StatusError {
  return new StatusError(Code.Internal, "PLUGIN_RESPONSE", message);
}

/**
 * Reads a thing the plugin must have answered with.
 *
 * @param what its name, as in `plugin response missing bundle`.
 * @throws {StatusError} Internal when it is missing or malformed.
 */
export function answered<Wire, Value>(
  wire: Wire | undefined,
  what: string,
  read: (wire: Wire) => Value,
): Value {
  if (wire === undefined) throw distrusted(`plugin response missing ${what}`);
  try {
    return read(wire);
  } catch (error) {
    throw distrusted(`plugin response has a malformed ${what}: ${StatusError.from(error).message}`);
  }
}

/** The same for a thing that may be absent; what is there must be the one asked for. */
export function found<Wire, Value>(
  wire: Wire | undefined,
  what: string,
  read: (wire: Wire) => Value,
  isAsked: (value: Value) => boolean,
): Value | undefined {
  if (wire === undefined) return undefined;
  const value = answered(wire, what, read);
  if (!isAsked(value)) throw distrusted(`plugin response has another ${what} than the one asked for`);
  return value;
}

export function toWirePage(page: PageRequest | undefined): WirePage | undefined {
  return page && { size: page.size, token: page.token };
}

/** A streamed list as one page. @throws {StatusError} Internal when it is longer than the page asked for. */
export async function pageOf<Value>(
  page: PageRequest | undefined,
  parts: AsyncIterable<{ readonly values: readonly Value[]; readonly nextPageToken: string }>,
): Promise<Page<Value>> {
  const items: Value[] = [];
  let nextToken = "";
  for await (const { values, nextPageToken } of parts) {
    for (const value of values) items.push(value);
    nextToken = nextPageToken;
  }
  if (page !== undefined && items.length > page.size)
    throw distrusted(`plugin returned ${items.length} items for a page of ${page.size}`);
  return { items, nextToken };
}

/** The parts of a streamed answer, read. */
export async function* partsOf<Part extends { readonly nextPageToken: string }, Value>(
  stream: AsyncIterable<Part>,
  read: (part: Part) => readonly Value[],
): AsyncGenerator<{ readonly values: readonly Value[]; readonly nextPageToken: string }> {
  for await (const part of stream) yield { values: read(part), nextPageToken: part.nextPageToken };
}
