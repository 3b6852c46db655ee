import { Code, StatusError } from "@finial/sdk";
import type { Selector } from "@finial/sdk/spiffe";

/** Where an entry's SVID goes. */
export interface StorePlace {
  /** Name of the plugin. */
  readonly store: string;
  /** What the plugin is told of the place: the selectors' values, in order. */
  readonly metadata: readonly string[];
}

/**
 * Reads the selectors of an entry whose SVID is stored: their type names the plugin, their values the place.
 *
 * @throws {StatusError} InvalidArgument `STORE_PLACE` when they name more than one plugin, or none.
 */
export function parseStorePlace(selectors: readonly Selector[]): StorePlace {
  const [first] = selectors;
  if (first === undefined) throw malformed("no selectors found");
  if (selectors.some(({ type }) => type !== first.type)) throw malformed("selector contains multiple types");
  return { store: first.type, metadata: selectors.map(({ value }) => value) };
}

/** The same for the same place, in whatever order its selectors are; undefined when they name none. */
export function findPlaceKey(selectors: readonly Selector[]): string | undefined {
  const [first] = selectors;
  if (first === undefined || selectors.some(({ type }) => type !== first.type)) return undefined;
  return JSON.stringify([first.type, ...selectors.map(({ value }) => value).sort()]);
}

function malformed(message: string): StatusError {
  return new StatusError(Code.InvalidArgument, "STORE_PLACE", message);
}
