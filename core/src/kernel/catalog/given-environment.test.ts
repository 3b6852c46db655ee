import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { systemClock } from "@finial/sdk";
import { SecretResolver } from "../secret/secret-resolver.ts";
import { resolveSecretVariables } from "./given-environment.ts";

const resolver = new SecretResolver({
  env: { PASSWORD: "s3cret" },
  uid: process.geteuid?.() ?? 0,
  clock: systemClock,
});

describe("resolveSecretVariables()", () => {
  it("gives those that are secrets, and leaves the others alone", async () => {
    const values = { REGION: "eu", DB_PASSWORD: "secret+env:PASSWORD" };
    const given = { names: ["PATH"], values, isCompatible: false };
    assert.deepEqual(await resolveSecretVariables(given, resolver), { DB_PASSWORD: "s3cret" });
    assert.deepEqual(await resolveSecretVariables(undefined, resolver), {});
  });

  it("names the variable whose secret cannot be had", async () => {
    const given = { names: [], values: { A: "secret+env:NONE" }, isCompatible: false };
    await assert.rejects(resolveSecretVariables(given, resolver), {
      code: 9,
      reason: "SECRET_UNAVAILABLE",
      message: "plugin_env: A: secret+env:NONE: the daemon's environment has no such variable",
    });
  });

  it("gives none that no variable can hold, and does not quote it", async () => {
    const given = { names: [], values: { A: "secret+exec:/bin/printf" }, isCompatible: false };
    const binary = { resolve: async () => "canary\0canary" };
    await assert.rejects(resolveSecretVariables(given, binary), {
      reason: "SECRET_UNAVAILABLE",
      message: "plugin_env: A: there is a NUL in it, which no environment variable can hold",
    });
  });
});
