import assert from "node:assert/strict";
import { statSync } from "node:fs";
import { describe, it } from "node:test";
import { HealthDefinition } from "@finial/proto/grpc/health/v1/health";
import { SpiffeWorkloadAPIDefinition } from "@finial/proto/workload/workload";
import { Code, StatusError } from "@finial/sdk";
import { type CallOptions, createClient, openChannel } from "@finial/sdk/internal";
import { parseSelector } from "@finial/sdk/spiffe";
import { captureLog, FakeClock, testCa } from "@finial/sdk/testing";
import { credentials } from "@grpc/grpc-js";
import { fakeEntry, toCachedSvid } from "../cache/fake-entry.ts";
import {
  FakeWorkloadApi,
  type FakeWorkloadApiOptions,
  nextOf,
  noLimits,
} from "./workloadapi/fake-workload-api.ts";

const clock = new FakeClock();
const ca = await testCa({ clock });
const entry = fakeEntry("a", { selectors: ["x:w"] });
const svid = toCachedSvid(await ca.x509Svid("/a"));

async function start(options: Partial<FakeWorkloadApiOptions> = {}) {
  const logger = captureLog();
  const api = await FakeWorkloadApi.start({ clock, logger, bundle: ca.bundle, ...options });
  const errors = () => logger.lines.filter(({ level }) => level === "error");
  return { api, logger, errors };
}

/** The first answer of each method, or its failure. */
const methods: readonly {
  readonly name: string;
  readonly call: (api: FakeWorkloadApi, options: CallOptions) => Promise<unknown>;
}[] = [
  { name: "FetchX509SVID", call: ({ client }, options) => first(client.fetchX509SVID({}, options)) },
  { name: "FetchX509Bundles", call: ({ client }, options) => first(client.fetchX509Bundles({}, options)) },
  { name: "FetchJWTSVID", call: ({ client }, options) => client.fetchJWTSVID({ audience: ["x"] }, options) },
  { name: "FetchJWTBundles", call: ({ client }, options) => first(client.fetchJWTBundles({}, options)) },
  {
    name: "ValidateJWTSVID",
    call: ({ client }, options) => client.validateJWTSVID({ audience: "x", svid: "x" }, options),
  },
];

function first<T>(stream: AsyncIterable<T>): Promise<T> {
  return nextOf(stream[Symbol.asyncIterator]());
}

describe("the workload socket", () => {
  it("is open to every user, and refuses calls without the security header before it looks at the caller", async () => {
    const { api, errors } = await start();
    await using _ = api;
    assert.equal(statSync(api.socketPath).mode & 0o777, 0o777);
    const headers: Record<string, string>[] = [
      {},
      { "workload.spiffe.io": "" },
      { "workload.spiffe.io": "false" },
      { "workload.spiffe.io": "True" },
      { "workload.spiffe.io": "true, true" },
    ];
    for (const { name, call } of methods)
      for (const metadata of headers)
        await assert.rejects(
          call(api, { metadata, deadlineMs: 5000 }),
          { code: Code.InvalidArgument, message: "security header missing from request" },
          name,
        );
    assert.equal(api.attestations, 0);
    assert.deepEqual(errors()[0], {
      level: "error",
      message: "Security header missing from request",
      fields: {
        service: "WorkloadAPI",
        method: "FetchX509SVID",
        pid: process.pid,
        status_code: "InvalidArgument",
      },
    });
    assert.equal(errors().length, methods.length * headers.length);
  });

  for (const { name, call } of methods.filter(({ name }) => name !== "ValidateJWTSVID"))
    it(`logs once that a caller of ${name} has no identity, with what may be told of it`, async () => {
      const attest = async () => ["k8s:ns:default", "unix:uid:1"].map(parseSelector);
      const { api, errors } = await start({ logSelectors: ["k8s"], attestation: { attest } });
      await using _ = api;
      await assert.rejects(call(api, api.asWorkload), {
        code: Code.PermissionDenied,
        message: "no identity issued",
      });
      assert.deepEqual(errors(), [
        {
          level: "error",
          message: "No identity issued",
          fields: {
            service: "WorkloadAPI",
            method: name,
            pid: process.pid,
            selectors: "k8s:ns:default",
            registered: false,
            status_code: "PermissionDenied",
          },
        },
      ]);
    });

  for (const { name, call } of methods)
    it(`says nothing of a workload that cannot be attested to a caller of ${name}, and the cause to the log`, async () => {
      const attest = async () => {
        const cause = new Error("attestor unix: secret reason");
        throw new StatusError(Code.Unavailable, "ATTESTATION_FAILED", "workload attestation failed", {
          cause,
        });
      };
      const { api, errors } = await start({ attestation: { attest } });
      await using _ = api;
      await assert.rejects(call(api, api.asWorkload), {
        code: Code.Unavailable,
        message: "workload attestation failed",
      });
      assert.deepEqual(
        errors().map(({ fields }) => fields.error),
        ["attestor unix: secret reason"],
      );
    });

  it("attests the process that made the connection, for which it asks the kernel", async () => {
    const seen: unknown[] = [];
    const { api } = await start({
      attestation: {
        attest: async (process) => {
          seen.push([process.pid, process.isAlive()]);
          return [parseSelector("x:w")];
        },
      },
    });
    await using _ = api;
    api.setEntries([entry]);
    api.issue(entry, svid);
    await first(api.client.fetchX509SVID({}, api.asWorkload));
    assert.deepEqual(seen, [[process.pid, true]]);
  });

  const limits = [
    { key: "fetchX509Svid", name: "FetchX509SVID" },
    { key: "fetchX509Bundles", name: "FetchX509Bundles" },
    { key: "fetchJwtSvid", name: "FetchJWTSVID" },
    { key: "fetchJwtBundles", name: "FetchJWTBundles" },
  ] as const;
  for (const { key, name } of limits)
    it(`limits ${name}, and no other method with it`, async () => {
      const { api, logger } = await start({ rateLimits: { ...noLimits, [key]: 1 } });
      await using _ = api;
      assert.deepEqual(
        logger.lines.find(({ message }) => message === "Workload API/SDS rate limiting enabled"),
        {
          level: "info",
          message: "Workload API/SDS rate limiting enabled",
          fields: { method: `/SpiffeWorkloadAPI/${name}`, limit: 1 },
        },
      );
      for (const method of methods) {
        const outcomes = await Promise.all(
          [1, 2].map(() => method.call(api, api.asWorkload).catch((error: StatusError) => error.message)),
        );
        const limited = outcomes.filter(
          (message) => message === `rate limit exceeded for /SpiffeWorkloadAPI/${name}`,
        );
        assert.equal(limited.length, method.name === name ? 1 : 0, method.name);
      }
    });

  it("does not implement WIT-SVIDs", async () => {
    const { api } = await start();
    await using _ = api;
    await assert.rejects(first(api.client.fetchWITSVID({}, api.asWorkload)), { code: Code.Unimplemented });
  });
});

describe("WorkloadEndpoints.check()", () => {
  const { signal } = new AbortController();

  it("calls the Workload API as the agent itself: it needs no identity, is not limited, nor logged", async () => {
    const { api, errors } = await start({
      ownPid: process.pid,
      rateLimits: { ...noLimits, fetchX509Bundles: 1 },
    });
    await using _ = api;
    for (let call = 0; call < 3; call++) await api.endpoints.check(signal);
    assert.deepEqual([errors(), api.attestations], [[], 3]);
    api.setEntries([entry]);
    api.issue(entry, svid);
    await api.endpoints.check(signal);
  });

  it("fails when workloads would not be served, and the health service with it", async () => {
    const attest = async () => {
      throw new StatusError(Code.Unavailable, "ATTESTATION_FAILED", "workload attestation failed");
    };
    const { api } = await start({ attestation: { attest } });
    await using _ = api;
    await assert.rejects(api.endpoints.check(signal), { message: "workload attestation failed" });
    using channel = openChannel(`unix:${api.socketPath}`, credentials.createInsecure());
    const { status } = await createClient(HealthDefinition, channel).check({}, { deadlineMs: 5000 });
    assert.equal(status, 2);
  });

  it("has nothing to check when the Workload API is disabled, which then is not implemented", async () => {
    const { api, logger } = await start({ disableWorkloadApi: true });
    await using _ = api;
    await api.endpoints.check(signal);
    assert.equal(api.attestations, 0);
    await assert.rejects(first(api.client.fetchX509SVID({}, api.asWorkload)), { code: Code.Unimplemented });
    const started = logger.lines.find(({ message }) => message === "Starting agent APIs");
    assert.equal(started?.fields.address, api.socketPath);
  });
});

describe("WorkloadEndpoints[Symbol.asyncDispose]()", () => {
  it("waits for a call in flight, and no longer", async () => {
    const asked = Promise.withResolvers<void>();
    const answer = Promise.withResolvers<void>();
    const attest = async () => {
      asked.resolve();
      await answer.promise;
      return [];
    };
    const stopping = new FakeClock();
    const { api } = await start({ clock: stopping, attestation: { attest } });
    await using _ = api;
    const svid = ca.jwtSvid("/db", { audience: ["x"] });
    const call = api.client.validateJWTSVID({ audience: "x", svid }, api.asWorkload);
    await asked.promise;
    const stopped = api.endpoints[Symbol.asyncDispose]();
    await stopping.advance(500);
    answer.resolve();
    assert.equal((await call).spiffeId, "spiffe://example.org/db");
    await stopped;
  });

  it("ends streams after a second's grace, and leaves nobody listening", async () => {
    const stopping = new FakeClock();
    const logger = captureLog();
    const api = await FakeWorkloadApi.start({ clock: stopping, logger, bundle: ca.bundle });
    await using _ = api;
    api.setEntries([entry]);
    api.issue(entry, svid);
    const stream = api.client.fetchX509SVID({}, api.asWorkload)[Symbol.asyncIterator]();
    await nextOf(stream);
    let isStopped = false;
    const stopped = api.endpoints[Symbol.asyncDispose]().then(() => {
      isStopped = true;
    });
    const ended = assert.rejects(nextOf(stream), StatusError);
    await stopping.advance(999);
    assert.equal(isStopped, false);
    await stopping.advance(1);
    await Promise.all([stopped, ended]);
    using channel = openChannel(`unix:${api.socketPath}`, credentials.createInsecure());
    const late = createClient(SpiffeWorkloadAPIDefinition, channel);
    await assert.rejects(first(late.fetchX509SVID({}, api.asWorkload)), { code: Code.Unavailable });
  });
});
