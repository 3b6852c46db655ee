import assert from "node:assert/strict";

/**
 * Checks selector values: each says something, none twice, and none carries the type, which the host puts before it.
 *
 * @param name the plugin's, which is the selectors' type.
 */
export function assertSelectorValues(values: readonly string[], name: string): void {
  for (const value of values) {
    assert.notEqual(value, "");
    assert.ok(!value.startsWith(`${name}:`), `"${value}" carries its type`);
  }
  assert.equal(new Set(values).size, values.length, `some selectors come twice: ${values.join(" ")}`);
}
