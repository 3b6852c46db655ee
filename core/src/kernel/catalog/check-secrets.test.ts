import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { systemClock } from "@finial/sdk";
import { SecretResolver } from "../secret/secret-resolver.ts";
import { checkSecrets } from "./check-secrets.ts";
import type { PluginBlock } from "./plugin-block.ts";

const resolver = new SecretResolver({
  env: { THERE: "s3cret" },
  uid: process.geteuid?.() ?? 0,
  clock: systemClock,
});

const block = (more: Partial<PluginBlock>): PluginBlock => ({
  type: "KeyManager",
  name: "a",
  pluginArgs: [],
  enabled: true,
  ...more,
});

describe("checkSecrets()", () => {
  it("has nothing against secrets that can be had, nor against plugins that have none", async () => {
    const notes = await checkSecrets(
      [
        block({ configText: 'a = "secret+env:THERE"' }),
        block({ environment: { names: ["X"], values: { A: "secret+env:THERE" }, isCompatible: false } }),
        block({}),
        block({ configText: "{ no HCL" }),
        block({ pluginDataFile: "/no/such/file" }),
        block({ enabled: false, configText: 'a = "secret+env:NONE"' }),
      ],
      resolver,
    );
    assert.deepEqual(notes, new Map());
  });

  it("notes by plugin and place what cannot be had", async () => {
    const none = "the daemon's environment has no such variable";
    const printed = { line: 1, column: 5 };
    const notes = await checkSecrets(
      [
        block({
          configText: 'a = "secret+env:NONE"\nb = "secret+env:NOR"',
          configOrigin: { file: "x.conf", places: [{ printed, source: { line: 4, column: 9 } }] },
          environment: { names: [], values: { A: "secret+env:NEITHER" }, isCompatible: false },
        }),
        block({ name: "b", configText: 'a = "secret+env:THERE"' }),
      ],
      resolver,
    );
    assert.deepEqual(
      notes,
      new Map([
        [
          'KeyManager "a"',
          [
            `x.conf:4:9: secret+env:NONE: ${none}`,
            `x.conf:4:9: secret+env:NOR: ${none}`,
            `plugin_env: A: secret+env:NEITHER: ${none}`,
          ],
        ],
      ]),
    );
  });
});
