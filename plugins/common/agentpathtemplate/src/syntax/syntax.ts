import type { Octets } from "../octets.ts";
import type { Value } from "../value.ts";

/** A parsed piece of a template. */
export type Node =
  | { readonly kind: "text"; readonly text: Octets }
  /** Prints, unless it declares or assigns. */
  | { readonly kind: "action"; readonly pipeline: Pipeline }
  | Control
  | { readonly kind: "template"; readonly name: string; readonly pipeline: Pipeline | undefined }
  | { readonly kind: "break" | "continue" };

/** What chooses between its body and what stands in its else. */
export interface Control {
  readonly kind: "if" | "with" | "range";
  readonly pipeline: Pipeline;
  readonly body: readonly Node[];
  readonly otherwise: readonly Node[];
}

/** Commands, each of which gets what the one before gave as its last argument. */
export interface Pipeline {
  /** Variables that get the result, `$` included. */
  readonly variables: readonly string[];
  /** Whether those are there already. */
  readonly assigns: boolean;
  readonly commands: readonly Command[];
}

/** What is done, and the arguments. */
export type Command = readonly [Term, ...Term[]];

export type Term =
  | { readonly kind: "literal"; readonly value: Value }
  | { readonly kind: "nil" | "dot" }
  | { readonly kind: "field"; readonly names: readonly string[] }
  | { readonly kind: "variable"; readonly name: string; readonly names: readonly string[] }
  | { readonly kind: "function"; readonly name: string }
  | { readonly kind: "pipeline"; readonly pipeline: Pipeline }
  /** `(…).A.B` */
  | { readonly kind: "chain"; readonly of: Term; readonly names: readonly string[] };

/** The template itself, by its name in Go, and those it defines. */
export type Templates = ReadonlyMap<string, readonly Node[]>;
