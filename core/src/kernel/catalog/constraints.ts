/** How many plugins of a type there must be; `max` absent: as many as one likes. */
export interface Constraint {
  readonly min: number;
  readonly max?: number;
}

export const exactlyOne: Constraint = { min: 1, max: 1 };
export const atMostOne: Constraint = { min: 0, max: 1 };
export const atLeastOne: Constraint = { min: 1 };
export const anyNumber: Constraint = { min: 0 };

/** What is wrong with the count, in SPIRE's words; undefined when nothing is. */
export function findViolation({ min, max }: Constraint, count: number): string | undefined {
  if (min === max && count !== min) return `expected exactly ${min} but got ${count}`;
  if (count < min) return `expected at least ${min} but got ${count}`;
  if (max !== undefined && count > max) return `expected at most ${max} but got ${count}`;
  return undefined;
}
