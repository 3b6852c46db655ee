import type { Constraint } from "./constraints.ts";

/** A plugin type the daemon knows. */
export interface KnownType {
  readonly constraint: Constraint;
  /** Full service names, the most wanted first: the first a plugin offers is bound. */
  readonly services: readonly string[];
  /** Offered beside, not warned about. */
  readonly extensions?: readonly string[];
}
