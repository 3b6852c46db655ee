import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { Code, type LogFields, StatusError } from "@finial/sdk";
import { Certificate } from "@finial/sdk/crypto";
import { captureLog, FakeClock, testCa } from "@finial/sdk/testing";
import { audit, auditItem } from "../api/audit.ts";
import { failure } from "../api/failure.ts";
import { fakeCall } from "../api/fake-call.ts";
import type { Caller } from "../authorization/caller.ts";
import { logAudit, logFailures } from "./log-calls.ts";

const method = "/spire.api.server.agent.v1.Agent/BanAgent";
const local: Caller = { kind: "local", pid: 1, uid: 2, gid: 3 };
const away = new StatusError(Code.Unavailable, "AWAY", "datastore-sql: away");
const where = { method: "BanAgent", service: "agent.v1.Agent" };

async function remote(): Promise<Caller> {
  const { chainDer, spiffeId } = await (await testCa({ clock: new FakeClock() })).x509Svid("/spire/agent/a");
  return {
    kind: "remote",
    address: "2001:db8::1",
    port: 8081,
    svid: { id: spiffeId, leaf: Certificate.parse(chainDer[0] ?? Buffer.alloc(0)) },
  };
}

describe("logFailures()", () => {
  const run = async (caller: Caller | undefined, error: unknown) => {
    const logger = captureLog();
    const call = fakeCall(caller === undefined ? { method } : { method, caller });
    const thrown = await logFailures(logger)(call, () => Promise.reject(error), undefined).then(
      () => assert.fail("it succeeded"),
      (reason: unknown) => StatusError.from(reason),
    );
    const { code, message } = StatusError.from(error);
    assert.deepEqual([thrown.code, thrown.message], [code, message]);
    return logger.lines;
  };

  const cases: readonly [title: string, error: unknown, message: string, fields: LogFields][] = [
    [
      "what failed, then why as a field",
      failure(Code.Internal, "R", "failed to ban agent", away),
      "Failed to ban agent",
      { status_code: "Internal", error: "datastore-sql: away" },
    ],
    [
      "a fault of the caller's",
      failure(Code.InvalidArgument, "R", "missing CSR"),
      "Invalid argument: missing CSR",
      { status_code: "InvalidArgument" },
    ],
    [
      "a stranger's error",
      new Error("x is not a function"),
      "X is not a function",
      { status_code: "Unknown", error: "x is not a function" },
    ],
  ];
  for (const [title, error, message, fields] of cases) {
    it(`logs ${title}, once, with who called`, async () => {
      const [line, ...more] = await run(await remote(), error);
      assert.deepEqual(more, []);
      assert.deepEqual(line, {
        level: "error",
        message,
        fields: {
          ...where,
          authorized_as: "any",
          caller_addr: "[2001:db8::1]:8081",
          caller_id: "spiffe://example.org/spire/agent/a",
          ...fields,
        },
      });
    });
  }

  it("says of a refused caller what is known", async () => {
    const [line] = await run(undefined, failure(Code.PermissionDenied, "R", "authorization denied"));
    assert.deepEqual(line?.fields, { ...where, status_code: "PermissionDenied" });
  });

  it("does not call it a failure when the caller leaves", async () => {
    assert.deepEqual(await run(local, new StatusError(Code.Cancelled, "CANCELLED", "context canceled")), []);
    const aborted = new AbortController();
    aborted.abort();
    assert.deepEqual(await run(local, aborted.signal.reason), []);
  });

  it("says nothing of what succeeds", async () => {
    const logger = captureLog();
    await logFailures(logger)(fakeCall({ method }), async () => undefined, undefined);
    assert.deepEqual(logger.lines, []);
  });
});

describe("logAudit()", () => {
  /** What is logged of a call that does this. */
  const run = async (work: (call: ReturnType<typeof fakeCall>) => void, error?: StatusError) => {
    const logger = captureLog();
    const call = fakeCall({ method, caller: local });
    const result = logAudit(logger)(
      call,
      async () => {
        work(call);
        if (error !== undefined) throw error;
      },
      undefined,
    );
    if (error === undefined) await result;
    else await assert.rejects(result, error);
    const ids = new Set(logger.lines.map(({ fields }) => fields.request_id));
    assert.equal(ids.size, 1);
    assert.match(String([...ids][0]), /^[0-9a-f-]{36}$/);
    return logger.lines.map(({ level, message, fields: { request_id: _, ...fields } }) => {
      assert.deepEqual([level, message], ["info", "API accessed"]);
      return fields;
    });
  };
  const shared = { ...where, type: "audit", authorized_as: "any" };

  it("logs a call with its fields, and how it went", async () => {
    assert.deepEqual(
      await run((call) => {
        audit(call, () => ({ spiffe_id: "a" }));
        audit(call, () => ({ ttl: 5 }));
      }),
      [{ ...shared, spiffe_id: "a", ttl: 5, status: "success" }],
    );
    assert.deepEqual(await run((call) => audit(call, () => ({ spiffe_id: "a" })), away), [
      {
        ...shared,
        spiffe_id: "a",
        status: "error",
        status_code: "Unavailable",
        status_message: away.message,
      },
    ]);
  });

  it("logs a batch once an item, by the item's own status", async () => {
    assert.deepEqual(
      await run((call) => {
        auditItem(call, { code: Code.Ok, message: "OK" }, () => ({ entry_id: "1" }));
        auditItem(call, { code: Code.NotFound, message: "entry not found" }, () => ({ entry_id: "2" }));
      }),
      [
        { ...shared, entry_id: "1", status: "success" },
        {
          ...shared,
          entry_id: "2",
          status: "error",
          status_code: "NotFound",
          status_message: "entry not found",
        },
      ],
    );
  });

  it("costs a call that is not audited nothing", () => {
    const call = { ...fakeCall({ method }), values: new Map() };
    audit(call, () => assert.fail("fields were made"));
    auditItem(call, { code: 0, message: "" }, () => assert.fail("fields were made"));
  });
});
