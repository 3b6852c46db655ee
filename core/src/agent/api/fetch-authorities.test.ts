import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { Code } from "@finial/sdk";
import { parseTrustDomain } from "@finial/sdk/spiffe";
import { captureLog, FakeClock, testCa } from "@finial/sdk/testing";
import { FakeWorkloadApi } from "../endpoints/workloadapi/fake-workload-api.ts";
import { fetchAuthorities } from "./fetch-authorities.ts";

const clock = new FakeClock();
const ca = await testCa({ clock });
const other = await testCa({ clock });
const { signal } = new AbortController();
const x509Authorities = [...ca.bundle.x509Authorities, ...other.bundle.x509Authorities];
const bundle = { ...ca.bundle, x509Authorities };

const start = (allowUnauthenticatedVerifiers: boolean) =>
  FakeWorkloadApi.start({ clock, logger: captureLog(), bundle, allowUnauthenticatedVerifiers });

describe("fetchAuthorities()", () => {
  for (const scheme of ["unix://", "UNIX://"])
    it(`gives the authorities that another agent's Workload API at ${scheme} knows`, async () => {
      await using api = await start(true);
      const authorities = await fetchAuthorities(`${scheme}${api.socketPath}`, ca.trustDomain, { signal });
      assert.deepEqual(authorities, [ca.rootDer, other.rootDer]);
      while (api.workloads.subscriptionCount > 0) await new Promise((resolve) => setImmediate(resolve));
    });

  it("says that it does not know the trust domain", async () => {
    await using api = await start(true);
    const address = `unix://${api.socketPath}`;
    await assert.rejects(fetchAuthorities(address, parseTrustDomain("b.example.org"), { signal }), {
      code: Code.NotFound,
      reason: "BUNDLE_NOT_FOUND",
      message: `the Workload API at ${address} has no bundle of trust domain "b.example.org"`,
    });
  });

  it("says what the other agent says", async () => {
    await using api = await start(false);
    await assert.rejects(fetchAuthorities(`unix://${api.socketPath}`, ca.trustDomain, { signal }), {
      code: Code.PermissionDenied,
      message: "no identity issued",
    });
  });

  it("says that nobody is there", async () => {
    await assert.rejects(fetchAuthorities("unix:///nowhere/api.sock", ca.trustDomain, { signal }), {
      code: Code.Unavailable,
    });
  });

  it("stops when it is told to", async () => {
    await using api = await start(false);
    const address = `unix://${api.socketPath}`;
    const stopped = AbortSignal.abort();
    await assert.rejects(fetchAuthorities(address, ca.trustDomain, { signal: stopped }), {
      code: Code.Cancelled,
    });
  });
});
