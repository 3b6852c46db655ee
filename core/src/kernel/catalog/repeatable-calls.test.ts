import assert from "node:assert/strict";
import { globSync } from "node:fs";
import { join } from "node:path";
import { describe, it } from "node:test";
import type { ServiceDefinition } from "@finial/sdk/internal";
import { mayRepeat, verdicts } from "./repeatable-calls.ts";

const generated = join(import.meta.dirname, "../../../../proto/gen/plugin");

/** All services that plugins offer, but Init, which is never called by way of the catalog. */
async function services(): Promise<readonly ServiceDefinition[]> {
  const files = globSync("{server,agent,service}/**/*.ts", { cwd: generated });
  const modules = await Promise.all(files.map((file) => import(join(generated, file))));
  return modules
    .flatMap((module) => Object.entries(module).filter(([name]) => name.endsWith("Definition")))
    .map(([, definition]) => definition as ServiceDefinition)
    .filter(({ name }) => name !== "Init");
}

describe("verdicts", () => {
  it("has one for each call that can be made to a plugin, and for no other", async () => {
    const expected = (await services()).map(({ fullName, methods }) => [
      fullName,
      Object.values(methods)
        .map(({ name }) => name)
        .sort(),
    ]);
    const declared = Object.entries(verdicts).map(([service, calls]) => [service, Object.keys(calls).sort()]);
    assert.ok(expected.length > 15);
    assert.deepEqual(declared.sort(), expected.sort());
  });
});

describe("mayRepeat()", () => {
  const server = "spire.plugin.server.keymanager.v1.KeyManager";
  for (const [service, method, expected] of [
    [server, "GetPublicKey", true],
    [server, "SignData", true],
    [server, "GenerateKey", false],
    ["finial.plugin.server.datastore.v1.DataStore", "AppendBundle", true],
    ["finial.plugin.server.datastore.v1.DataStore", "TakeJoinToken", false],
    ["vendor.plugin.v1.Extension", "Anything", false],
    [server, "Anything", false],
  ] as const)
    it(`says ${expected ? "yes" : "no"} of ${service} ${method}`, () => {
      assert.equal(mayRepeat({ service, method }), expected);
    });
});
