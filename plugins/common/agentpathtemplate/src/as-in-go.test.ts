import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, it } from "node:test";
import { AgentPathTemplate, TemplateError } from "./index.ts";
import { sampleData } from "./testing/sample-data.ts";

/** Templates, and what SPIRE v1.15.3 makes of them with the sample data; null where it refuses them. */
const cases: readonly (readonly [template: string, output: string | null])[] = JSON.parse(
  readFileSync(join(import.meta.dirname, "testing", "as-in-go.json"), "utf8"),
);

function outputOf(template: string): string | null {
  try {
    return AgentPathTemplate.parse(template).execute(sampleData);
  } catch (error) {
    assert.ok(error instanceof TemplateError, String(error));
    return null;
  }
}

describe("AgentPathTemplate", () => {
  it("makes of a template what SPIRE makes of it", () => {
    assert.ok(cases.length > 700);
    for (const [template, output] of cases) assert.equal(outputOf(template), output, template);
  });

  it("refuses what only looks like an answer in Go", () => {
    for (const template of [
      '{{ printf "%d" "x" }}',
      '{{ printf "%v %v" 1 }}',
      '{{ printf "x" 1 }}',
      '{{ printf "%" }}',
      '{{ printf "%e" 1 }}',
      '{{ b64dec "?" }}',
      '{{ b32dec "a" }}',
      '{{ regexMatch "(" "a" }}',
      "{{ . }}",
    ])
      assert.equal(outputOf(template), null, template);
  });

  it("has no numbers but whole ones", () => {
    for (const number of ["1.5", ".5", "1e3", "0x1p4", "9007199254740992"])
      assert.equal(outputOf(`{{ ${number} }}`), null, number);
    assert.equal(outputOf("{{ 9007199254740991 }}"), "9007199254740991");
  });

  it("makes another UUID each time", () => {
    const template = AgentPathTemplate.parse("{{ uuidv4 }}");
    const [first, second] = [template.execute(sampleData), template.execute(sampleData)];
    assert.match(first, /^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/);
    assert.notEqual(first, second);
  });

  it("leaves the data as it is", () => {
    const zones = new Map([["zone", "z1"]]);
    const data = { fields: { Zones: zones } };
    const template = AgentPathTemplate.parse('{{ $_ := set .Zones "zone" "z2" }}{{ .Zones.zone }}');
    assert.equal(template.execute(data), "z2");
    assert.equal(zones.get("zone"), "z1");
    assert.equal(template.execute(data), "z2");
  });
});
