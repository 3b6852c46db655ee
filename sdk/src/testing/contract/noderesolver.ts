import assert from "node:assert/strict";
import { NodeResolverDefinition } from "@finial/proto/plugin/server/noderesolver/v1/noderesolver";
import type { LoadedPlugin } from "../load-plugin.ts";
import { configurationContract } from "./configuration.ts";
import { refusalOf } from "./refusal.ts";
import { assertSelectorValues } from "./selector-values.ts";
import { describe, it } from "./suite.ts";

export interface NodeResolverContract {
  /** A fresh, configured plugin. */
  readonly load: () => Promise<LoadedPlugin>;
  /** A node it knows, and some of what it must say of it. */
  readonly agentId: string;
  readonly selectorValues: readonly string[];
}

/** What every NodeResolver must do, as tests of the running file. */
export function nodeResolverContract({ load, agentId, selectorValues }: NodeResolverContract): void {
  configurationContract(load);

  describe("the NodeResolver contract", () => {
    it("says the selectors of a node, without their type, and the same ones again", async () => {
      await using plugin = await load();
      const resolve = async (): Promise<readonly string[]> =>
        (await plugin.client(NodeResolverDefinition).resolve({ agentId })).selectorValues;
      const resolved = await resolve();
      assertSelectorValues(resolved, plugin.name);
      for (const value of selectorValues) assert.ok(resolved.includes(value), `"${value}" is missing`);
      assert.deepEqual([...(await resolve())].sort(), [...resolved].sort());
    });

    it("refuses an ID that is none", async () => {
      await using plugin = await load();
      for (const malformed of ["", "node", "spiffe://"])
        await refusalOf(plugin.client(NodeResolverDefinition).resolve({ agentId: malformed }));
    });
  });
}
