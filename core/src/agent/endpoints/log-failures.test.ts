import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { Code, StatusError } from "@finial/sdk";
import { captureLog } from "@finial/sdk/testing";
import { logFailures } from "./log-failures.ts";
import { noIdentity } from "./workloadapi/no-identity.ts";

const failure = new StatusError(Code.Unavailable, "X", "could not fetch JWT-SVID: no", {
  cause: new Error("why"),
});

/** The lines of a call that ends so. */
async function linesOf(
  thrown: unknown,
  { isSelf = false, hasLeft = false }: { readonly isSelf?: boolean; readonly hasLeft?: boolean } = {},
) {
  const logger = captureLog();
  const intercept = logFailures({ isSelf: () => isSelf, fieldsOf: () => ({ pid: 7 }) }, logger);
  const context = {
    signal: hasLeft ? AbortSignal.abort() : new AbortController().signal,
    metadata: { get: () => [] },
    peer: "test",
    method: "/SpiffeWorkloadAPI/FetchJWTSVID",
    values: new Map(),
  };
  const calling = intercept(
    context,
    async () => {
      if (thrown !== undefined) throw thrown;
    },
    undefined,
  );
  if (thrown === undefined) await calling;
  else await assert.rejects(calling, { message: StatusError.from(thrown).message });
  return logger.lines;
}

const fields = { service: "WorkloadAPI", method: "FetchJWTSVID", pid: 7 };

describe("logFailures()", () => {
  it("logs a failure once, with who called and its cause, and passes it on", async () => {
    assert.deepEqual(await linesOf(failure), [
      {
        level: "error",
        message: "Could not fetch JWT-SVID: no",
        fields: { ...fields, status_code: "Unavailable", error: "why" },
      },
    ]);
  });

  it("says of a caller without an identity that it is not registered", async () => {
    assert.deepEqual(await linesOf(noIdentity()), [
      {
        level: "error",
        message: "No identity issued",
        fields: { ...fields, registered: false, status_code: "PermissionDenied" },
      },
    ]);
  });

  const quiet = [
    { title: "a call that succeeds", thrown: undefined },
    { title: "a failure of the agent's own call", thrown: failure, isSelf: true },
    { title: "what becomes of a call whose caller has left", thrown: failure, hasLeft: true },
    { title: "a cancelled call", thrown: new StatusError(Code.Cancelled, "CANCELLED", "context canceled") },
  ];
  for (const { title, thrown, ...options } of quiet)
    it(`does not log ${title}`, async () => {
      assert.deepEqual(await linesOf(thrown, options), []);
    });
});
