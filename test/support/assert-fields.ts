import { isDeepStrictEqual } from "node:util";

/** Compares two values field by field. @throws an error that names each field that differs, with both values. */
export function assertFields(title: string, actual: object, expected: object): void {
  const fields = new Set([...Object.keys(actual), ...Object.keys(expected)]);
  const differing = [...fields].flatMap((field) => {
    const is = (actual as Record<string, unknown>)[field];
    const should = (expected as Record<string, unknown>)[field];
    if (isDeepStrictEqual(is, should)) return [];
    return `  ${field} is ${JSON.stringify(is)}, but should be ${JSON.stringify(should)}`;
  });
  if (differing.length > 0) throw new Error(`${title}:\n${differing.join("\n")}`);
}
