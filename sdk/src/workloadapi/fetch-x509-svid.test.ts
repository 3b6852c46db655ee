import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, it } from "node:test";
import { SpiffeWorkloadAPIDefinition, type X509SVID } from "@finial/proto/workload/workload";
import { Server, ServerCredentials } from "@grpc/grpc-js";
import { addService } from "../rpc/service.ts";
import { Code } from "../status/code.ts";
import { StatusError } from "../status/status-error.ts";
import { testCa } from "../testing/test-ca.ts";
import { fetchX509Svid } from "./fetch-x509-svid.ts";

/** A Workload API that answers callers who know its header. */
async function workloadApi(
  svids: readonly Partial<X509SVID>[],
): Promise<{ readonly address: string } & AsyncDisposable> {
  const folder = mkdtempSync(join(tmpdir(), "workload-"));
  const server = new Server();
  addService(server, SpiffeWorkloadAPIDefinition, {
    fetchX509SVID: async function* (_, { metadata, signal }) {
      if (metadata.get("workload.spiffe.io")[0] !== "true")
        throw new StatusError(Code.InvalidArgument, "HEADER", "security header missing from request");
      if (svids.length === 0)
        throw new StatusError(Code.PermissionDenied, "NO_IDENTITY", "no identity issued");
      yield { svids };
      // The stream stays open for rotations.
      await new Promise<void>((resolve) => signal.addEventListener("abort", () => resolve()));
    },
  });
  const target = `unix:${folder}/s`;
  await new Promise<void>((resolve, reject) =>
    server.bindAsync(target, ServerCredentials.createInsecure(), (error) =>
      error ? reject(error) : resolve(),
    ),
  );
  return {
    address: `unix://${folder}/s`,
    [Symbol.asyncDispose]: async () => {
      server.forceShutdown();
      rmSync(folder, { recursive: true });
    },
  };
}

const signal = AbortSignal.timeout(10_000);

describe("fetchX509Svid()", () => {
  it("gives the first identity, its chain and its key", async () => {
    const ca = await (await testCa()).intermediate("middle");
    const [svid, other] = [await ca.x509Svid("/node"), await ca.x509Svid("/other")];
    await using api = await workloadApi(
      [svid, other].map(({ chainDer, keyPkcs8Der }) => ({
        x509Svid: Buffer.concat(chainDer),
        x509SvidKey: keyPkcs8Der,
      })),
    );
    const fetched = await fetchX509Svid(api.address, { signal });
    assert.equal(fetched.spiffeId.toString(), "spiffe://example.org/node");
    assert.deepEqual(fetched.chainDer, svid.chainDer);
    assert.ok(fetched.privateKey.equals(svid.privateKey));
  });

  it("passes on what the agent says, and refuses an answer that is no identity", async () => {
    const ca = await testCa();
    const svid = await ca.x509Svid("/node");
    const x509Svid = Buffer.concat(svid.chainDer);
    const x509SvidKey = svid.keyPkcs8Der;
    for (const [svids, code, message] of [
      [[], Code.PermissionDenied, "no identity issued"],
      [[{ x509Svid }], Code.Internal, "malformed private key"],
      [[{ x509SvidKey }], Code.Internal, "no certificates found"],
      [
        [{ x509Svid: ca.rootDer, x509SvidKey }],
        Code.Internal,
        "leaf certificate SPIFFE ID must have a non-root path",
      ],
      [
        [{ x509Svid, x509SvidKey: (await ca.x509Svid("/x")).keyPkcs8Der }],
        Code.Internal,
        "leaf certificate does not match private key",
      ],
    ] as const) {
      await using api = await workloadApi(svids);
      await assert.rejects(fetchX509Svid(api.address, { signal }), { code, message });
    }
    await assert.rejects(fetchX509Svid("unix:///no/such/socket", { signal }), { code: Code.Unavailable });
  });

  it("ends with its signal", async () => {
    await using api = await workloadApi([]);
    const aborted = AbortSignal.abort();
    await assert.rejects(fetchX509Svid(api.address, { signal: aborted }), { code: Code.Cancelled });
  });
});
