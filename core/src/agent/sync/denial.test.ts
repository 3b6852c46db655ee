import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { Code, StatusError } from "@finial/sdk";
import { fromGrpcError, toGrpcStatus } from "@finial/sdk/internal";
import { type DenialReason, permissionDenied } from "../../kernel/convert/permission-denied.ts";
import { denialOf, isUnknownAuthority } from "./denial.ts";

describe("denialOf()", () => {
  const cases: readonly [DenialReason, ReturnType<typeof denialOf>][] = [
    ["AGENT_EXPIRED", "reattest"],
    ["AGENT_NOT_ACTIVE", "reattest"],
    ["AGENT_NOT_ATTESTED", "reattest"],
    ["AGENT_MUST_REATTEST", "reattest"],
    ["AGENT_BANNED", "shut down"],
  ];
  for (const [reason, expected] of cases)
    it(`says "${expected}" for ${reason}, over the wire and with words before it`, () => {
      const onTheWire = Object.assign(new Error("7"), toGrpcStatus(permissionDenied(reason, "no")));
      const received = fromGrpcError(onTheWire);
      assert.equal(denialOf(received.prefixed("failed to fetch: ")), expected);
    });

  const others = [
    {
      title: "PermissionDenied without details",
      error: new StatusError(Code.PermissionDenied, "X", "agent is banned"),
    },
    {
      title: "the details of a denial with another code",
      error: new StatusError(Code.Unavailable, "X", "x", {
        details: permissionDenied("AGENT_BANNED", "x").details,
      }),
    },
    {
      title: "a reason nobody knows",
      error: new StatusError(Code.PermissionDenied, "X", "x", {
        details: permissionDenied("AGENT_BANNED", "x").details.map(({ typeUrl }) => ({
          typeUrl,
          value: Buffer.of(8, 99),
        })),
      }),
    },
    { title: "what is no status", error: new Error("AGENT_BANNED") },
  ];
  for (const { title, error } of others)
    it(`says nothing for ${title}`, () => {
      assert.equal(denialOf(error), undefined);
    });
});

describe("isUnknownAuthority()", () => {
  const sentence = "authentication handshake failed: x509: certificate signed by unknown authority";
  const cases = [
    {
      error: new StatusError(Code.Unavailable, "X", `failed to fetch: ${sentence} (possibly because …)`),
      expected: true,
    },
    { error: new StatusError(Code.Unavailable, "X", "connection refused"), expected: false },
    { error: new StatusError(Code.Internal, "X", `upstream authority: ${sentence}`), expected: false },
    { error: new Error(sentence), expected: false },
  ];
  for (const { error, expected } of cases)
    it(`says ${expected} for "${error.message}"${error instanceof StatusError ? ` with code ${error.code}` : ""}`, () => {
      assert.equal(isUnknownAuthority(error), expected);
    });
});
