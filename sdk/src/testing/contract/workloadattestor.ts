import assert from "node:assert/strict";
import { BinaryWriter } from "@bufbuild/protobuf/wire";
import { WorkloadAttestorDefinition } from "@finial/proto/plugin/agent/workloadattestor/v1/workloadattestor";
import { Code } from "../../status/code.ts";
import { StatusError } from "../../status/status-error.ts";
import type { LoadedPlugin } from "../load-plugin.ts";
import { configurationContract } from "./configuration.ts";
import { refusalOf } from "./refusal.ts";
import { assertSelectorValues } from "./selector-values.ts";
import { describe, it } from "./suite.ts";

/** A process of the plugin's kind. */
export interface ContractWorkload extends AsyncDisposable {
  readonly pid: number;
  /** Some of what the plugin must say of it. */
  readonly selectorValues: readonly string[];
}

export interface WorkloadAttestorContract {
  /** A fresh, configured plugin. */
  readonly load: () => Promise<LoadedPlugin>;
  readonly startWorkload: () => Promise<ContractWorkload>;
}

/** As far from any process as a pid can be. */
const nobodysPid = 0x7fffffff;

/** What every WorkloadAttestor must do, as tests of the running file. */
export function workloadAttestorContract({ load, startWorkload }: WorkloadAttestorContract): void {
  configurationContract(load);

  describe("the WorkloadAttestor contract", () => {
    it("says the selectors of a workload, without their type, and the same ones again", async () => {
      await using plugin = await load();
      await using workload = await startWorkload();
      const attest = async (): Promise<readonly string[]> => {
        const { selectorValues } = await plugin
          .client(WorkloadAttestorDefinition)
          .attest({ pid: workload.pid });
        return selectorValues;
      };
      const values = await attest();
      assertSelectorValues(values, plugin.name);
      for (const value of workload.selectorValues)
        assert.ok(values.includes(value), `${value} is not among ${values.join(" ")}`);
      assert.deepEqual((await attest()).toSorted(), values.toSorted());
    });

    it("answers many calls at once", async () => {
      await using plugin = await load();
      await using workload = await startWorkload();
      const client = plugin.client(WorkloadAttestorDefinition);
      const answers = await Promise.all(
        Array.from({ length: 30 }, () => client.attest({ pid: workload.pid })),
      );
      const [first] = answers;
      for (const { selectorValues } of answers)
        assert.deepEqual(selectorValues.toSorted(), first?.selectorValues.toSorted());
    });

    it("has no selectors for a process that is not there", async () => {
      await using plugin = await load();
      for (const pid of [nobodysPid, 0, -1]) {
        const call = plugin.client(WorkloadAttestorDefinition).attest({ pid });
        const refused = await call.then(
          ({ selectorValues }) => assert.deepEqual(selectorValues, []),
          () => true,
        );
        if (refused) await refusalOf(call);
      }
    });

    it("takes a reference to a process as that process, if it takes references", async () => {
      await using plugin = await load();
      await using workload = await startWorkload();
      const client = plugin.client(WorkloadAttestorDefinition);
      const answer = await referenceSupport(
        client.attestReference({ reference: pidReference(workload.pid) }),
      );
      if (answer === undefined) return;
      const { selectorValues } = await client.attest({ pid: workload.pid });
      assert.deepEqual(answer.selectorValues.toSorted(), selectorValues.toSorted());
      const strange = { typeUrl: "type.googleapis.com/example.org.Nothing", value: Buffer.alloc(0) };
      for (const reference of [strange, undefined])
        assert.equal((await refusalOf(client.attestReference({ reference }))).code, Code.InvalidArgument);
    });

    it("goes on when a caller leaves", async () => {
      await using plugin = await load();
      await using workload = await startWorkload();
      const client = plugin.client(WorkloadAttestorDefinition);
      const before = await client.attest({ pid: workload.pid });
      const abort = new AbortController();
      const left = client.attest({ pid: workload.pid }, { signal: abort.signal });
      abort.abort();
      await left.catch((error: unknown) => assert.equal(StatusError.from(error).code, Code.Cancelled));
      const { selectorValues } = await client.attest({ pid: workload.pid });
      assert.deepEqual(selectorValues.toSorted(), before.selectorValues.toSorted());
    });
  });
}

/** The answer; undefined from a plugin that knows no references. */
async function referenceSupport<T>(call: Promise<T>): Promise<T | undefined> {
  try {
    return await call;
  } catch (error) {
    if (StatusError.from(error).code === Code.Unimplemented) return undefined;
    throw error;
  }
}

/** @see go-spiffe's broker API, message WorkloadPIDReference */
function pidReference(pid: number): { readonly typeUrl: string; readonly value: Buffer } {
  const value = new BinaryWriter().uint32(8).int32(pid).finish();
  return { typeUrl: "type.googleapis.com/spiffe.broker.WorkloadPIDReference", value: Buffer.from(value) };
}
