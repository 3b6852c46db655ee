import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { systemClock } from "@finial/sdk";
import { SecretResolver } from "../secret/secret-resolver.ts";
import { resolveGivenEnvironment } from "./given-environment.ts";

const resolver = new SecretResolver({
  env: { PASSWORD: "s3cret" },
  uid: process.geteuid?.() ?? 0,
  clock: systemClock,
});

describe("resolveGivenEnvironment()", () => {
  it("puts secrets in, and says which they are", async () => {
    const given = {
      names: ["PATH"],
      values: { REGION: "eu", DB_PASSWORD: "secret+env:PASSWORD" },
      isCompatible: false,
    };
    assert.deepEqual(await resolveGivenEnvironment(given, resolver), {
      given: { ...given, values: { REGION: "eu", DB_PASSWORD: "s3cret" } },
      secrets: ["s3cret"],
    });
    assert.deepEqual(await resolveGivenEnvironment(undefined, resolver), { given: undefined, secrets: [] });
  });

  it("names the variable whose secret cannot be had", async () => {
    const given = { names: [], values: { A: "secret+env:NONE" }, isCompatible: false };
    await assert.rejects(resolveGivenEnvironment(given, resolver), {
      code: 9,
      reason: "SECRET_UNAVAILABLE",
      message: "plugin_env: A: secret+env:NONE: the daemon's environment has no such variable",
    });
  });
});
