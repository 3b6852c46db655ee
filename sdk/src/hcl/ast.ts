/** Where something stands in its file; lines and columns begin at 1. */
export interface Position {
  readonly line: number;
  readonly column: number;
}

export type HclValue =
  | { readonly kind: "string"; readonly value: string; readonly position: Position }
  | { readonly kind: "number"; readonly text: string; readonly position: Position }
  | { readonly kind: "bool"; readonly value: boolean; readonly position: Position }
  | { readonly kind: "list"; readonly items: readonly HclValue[]; readonly position: Position }
  | { readonly kind: "object"; readonly body: HclBody; readonly position: Position };

export interface HclKey {
  readonly text: string;
  readonly quoted: boolean;
  readonly position: Position;
}

/** `key = value`, `block { … }` or `block "label" { … }`: a key, then labels. */
export interface HclItem {
  readonly keys: readonly [HclKey, ...HclKey[]];
  readonly value: HclValue;
}

/** The inside of a file or of braces, in order; the same key may come again. */
export interface HclBody {
  readonly items: readonly HclItem[];
}
