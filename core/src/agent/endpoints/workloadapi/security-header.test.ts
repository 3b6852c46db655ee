import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { Code } from "@finial/sdk";
import { requireSecurityHeader } from "./security-header.ts";

/** Whether a call with these values of the header goes on. */
async function goesOn(values: readonly string[]): Promise<boolean> {
  let isCalled = false;
  const context = {
    signal: new AbortController().signal,
    metadata: { get: (name: string) => (name === "workload.spiffe.io" ? values : ["true"]) },
    peer: "test",
    method: "/test/Test",
    values: new Map(),
  };
  const next = async (): Promise<void> => {
    isCalled = true;
  };
  try {
    await requireSecurityHeader(context, next, undefined);
  } catch (error) {
    assert.equal((error as { readonly code: number }).code, Code.InvalidArgument);
    assert.equal((error as Error).message, "security header missing from request");
  }
  return isCalled;
}

describe("requireSecurityHeader()", () => {
  const cases = [
    { values: ["true"], expected: true },
    { values: [], expected: false },
    { values: ["false"], expected: false },
    { values: ["TRUE"], expected: false },
    { values: ["true", "true"], expected: false },
    { values: ["true", "false"], expected: false },
  ];
  for (const { values, expected } of cases)
    it(`${expected ? "lets through" : "refuses"} ${JSON.stringify(values)}`, async () => {
      assert.equal(await goesOn(values), expected);
    });
});
