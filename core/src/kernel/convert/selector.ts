import type { Selector as WireSelector } from "@finial/proto/api/types/selector";
import { checkSelector, type Selector } from "@finial/sdk/spiffe";

/** Selectors as `spire.api.types.Selector`, in the same order. */
export function toWireSelectors(selectors: readonly Selector[]): WireSelector[] {
  return selectors.map(({ type, value }) => ({ type, value }));
}

/** @throws {StatusError} InvalidArgument when a type is empty or holds a colon, or a value is empty. */
export function fromWireSelectors(wire: readonly WireSelector[]): readonly Selector[] {
  return wire.map(({ type, value }) => checkSelector({ type, value }));
}
