import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { Code } from "@finial/sdk";
import { parseTrustDomain } from "@finial/sdk/spiffe";
import { AgentPathTemplate, makeAgentId } from "./index.ts";

const trustDomain = parseTrustDomain("example.org");
const idOf = (template: string, name = "node-1"): string =>
  makeAgentId(trustDomain, AgentPathTemplate.parse(template), { fields: { Name: name } }).toString();

describe("makeAgentId()", () => {
  it("puts the template's path below /spire/agent", () => {
    assert.equal(idOf("/cn/{{ .Name | upper }}"), "spiffe://example.org/spire/agent/cn/NODE-1");
  });

  it("makes no ID of what is no path, whoever chose it", () => {
    const suffix = "failed to make spiffe id: invalid agent path suffix";
    for (const [template, name, message] of [
      ["{{ .Name }}", "node", `${suffix} "node": path must have a leading slash`],
      ["/{{ .Name }}", "", `${suffix} "/": path cannot have a trailing slash`],
      ["/{{ .Name }}", "..", `${suffix} "/..": path cannot contain dot segments`],
      ["/{{ .Name }}/x", "", `${suffix} "//x": path cannot contain empty segments`],
      [
        "/{{ .Name }}",
        "ü",
        `${suffix} "/ü": path segment characters are limited to letters, numbers, dots, dashes, and underscores`,
      ],
      ["/{{ .Name }}", "a".repeat(2048), "failed to make spiffe id: cannot be longer than 2048 bytes"],
      ["/{{ .Other }}", "x", "failed to make spiffe id: can't evaluate field Other"],
    ] as const)
      assert.throws(() => idOf(template, name), { code: Code.Internal, message });
  });
});
