import assert from "node:assert/strict";
import { describe, it } from "node:test";
import type { Catalog } from "./catalog.ts";
import { endOfPlugins } from "./end-of-plugins.ts";

function catalogOf(
  exit: { code: number | null; signal: string | null } | undefined,
): Pick<Catalog, "firstExit"> {
  const plugin = { type: "KeyManager", name: "disk" } as NonNullable<
    Awaited<ReturnType<Catalog["firstExit"]>>
  >["plugin"];
  return { firstExit: async () => (exit === undefined ? undefined : { plugin, exit }) };
}

describe("endOfPlugins()", () => {
  const cases = [
    [{ code: 3, signal: null }, "exit status 3"],
    [{ code: 0, signal: null }, "exit status 0"],
    [{ code: null, signal: "SIGKILL" }, "SIGKILL"],
  ] as const;
  for (const [exit, how] of cases)
    it(`says which plugin ended, and how: ${how}`, async () => {
      await assert.rejects(endOfPlugins(catalogOf(exit), new AbortController().signal), {
        code: 14,
        reason: "PLUGIN_EXITED",
        message: `plugin KeyManager "disk" ended unexpectedly (${how})`,
      });
    });

  it("is no failure when the daemon ends first", async () => {
    await endOfPlugins(catalogOf(undefined), AbortSignal.abort());
  });
});
