import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { Code, definePlugin, StatusError } from "@finial/sdk";
import { WorkloadAttestor, WorkloadPIDReference } from "@finial/sdk/agent";
import { formatSelector } from "@finial/sdk/spiffe";
import { loadPlugin } from "@finial/sdk/testing";
import { bindWorkloadAttestorV1 } from "./workloadattestor-v1.ts";

/** A plugin that answers so, and the pids it was asked of. */
async function load(answer: (signal: AbortSignal) => Promise<readonly string[]> | readonly string[]) {
  const pids: number[] = [];
  const plugin = definePlugin({
    type: WorkloadAttestor,
    name: "docker",
    open: () => ({
      service: {
        attest: async ({ pid }, { signal }) => {
          pids.push(pid);
          return { selectorValues: [...(await answer(signal))] };
        },
      },
    }),
  });
  const loaded = await loadPlugin(plugin);
  return { attestor: bindWorkloadAttestorV1(loaded), loaded, pids };
}

const { signal } = new AbortController();

describe("bindWorkloadAttestorV1()", () => {
  it("gives values as selectors of the plugin's name, so that none can speak for another", async () => {
    const { attestor, loaded, pids } = await load(() => ["label:a:b", "unix:uid:0"]);
    await using _ = loaded;
    assert.deepEqual((await attestor.attest(7, { signal })).map(formatSelector), [
      "docker:label:a:b",
      "docker:unix:uid:0",
    ]);
    assert.deepEqual([attestor.name, pids], ["docker", [7]]);
  });

  it("gives none for none", async () => {
    const { attestor, loaded } = await load(() => []);
    await using _ = loaded;
    assert.deepEqual(await attestor.attest(7, { signal }), []);
  });

  it("refuses an answer with an empty value as a whole", async () => {
    const { attestor, loaded } = await load(() => ["label:a", ""]);
    await using _ = loaded;
    await assert.rejects(attestor.attest(7, { signal }), {
      code: Code.Internal,
      reason: "PLUGIN_RESPONSE",
      message: "workloadattestor(docker): plugin response is malformed: missing selector value",
    });
  });

  it("gives a plugin that knows references alone one of the process", async () => {
    const references: unknown[] = [];
    const plugin = definePlugin({
      type: WorkloadAttestor,
      name: "broker",
      open: () => ({
        service: {
          attestReference: ({ reference }) => {
            references.push([
              reference?.typeUrl,
              WorkloadPIDReference.decode(reference?.value ?? Buffer.alloc(0)),
            ]);
            return { selectorValues: ["ns:default"] };
          },
        },
      }),
    });
    await using loaded = await loadPlugin(plugin);
    const selectors = await bindWorkloadAttestorV1(loaded).attest(70_000, { signal });
    assert.deepEqual(selectors.map(formatSelector), ["broker:ns:default"]);
    assert.deepEqual(references, [
      ["type.googleapis.com/spiffe.broker.WorkloadPIDReference", { pid: 70_000 }],
    ]);
  });

  it("says it of a plugin that knows neither processes nor references", async () => {
    await using loaded = await loadPlugin(
      definePlugin({ type: WorkloadAttestor, name: "none", open: () => ({ service: {} }) }),
    );
    await assert.rejects(bindWorkloadAttestorV1(loaded).attest(7, { signal }), {
      code: Code.Unimplemented,
      message: /^workloadattestor\(none\): /,
    });
  });

  it("says whose failure it is, once", async () => {
    const { attestor, loaded } = await load(() => {
      throw new StatusError(Code.DeadlineExceeded, "X", "docker: no answer");
    });
    await using _ = loaded;
    await assert.rejects(attestor.attest(7, { signal }), {
      code: Code.DeadlineExceeded,
      message: "workloadattestor(docker): no answer",
    });
  });

  it("leaves when it is told to", async () => {
    const asked = Promise.withResolvers<void>();
    const { attestor, loaded } = await load((inner) => {
      asked.resolve();
      return new Promise((resolve) => inner.addEventListener("abort", () => resolve([])));
    });
    await using _ = loaded;
    const stop = new AbortController();
    const attesting = attestor.attest(7, { signal: stop.signal });
    await asked.promise;
    stop.abort();
    await assert.rejects(attesting, { code: Code.Cancelled });
  });
});
