import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { Code, StatusError } from "@finial/sdk";
import { FakeClock } from "@finial/sdk/testing";
import { fakeCall } from "../api/fake-call.ts";
import type { Caller } from "../authorization/caller.ts";
import { makeRateLimit } from "./rate-limits.ts";

const agent = "/spire.api.server.agent.v1.Agent";
const svid = "/spire.api.server.svid.v1.SVID";
const bundle = "/spire.api.server.bundle.v1.Bundle";
const remote = (address = "10.0.0.1"): Caller => ({ kind: "remote", address, port: 1, svid: undefined });
const all = { attestation: true, signing: true };

/** How many of a call an address may make at once. */
async function burstOf(method: string, enabled = all): Promise<number> {
  const clock = new FakeClock();
  const limit = makeRateLimit(enabled, clock);
  for (let count = 0; ; count++) {
    if (count > 600) return Number.POSITIVE_INFINITY;
    const call = limit(fakeCall({ method, caller: remote() }), 1);
    await Promise.race([call, new Promise(setImmediate)]);
    if (clock.sleeping > 0) return count;
  }
}

describe("makeRateLimit()", () => {
  const bursts: readonly [method: string, all: number, noAttestation: number, noSigning: number][] = [
    [`${agent}/AttestAgent`, 1, Number.POSITIVE_INFINITY, 1],
    [`${agent}/RenewAgent`, 500, 500, Number.POSITIVE_INFINITY],
    [`${agent}/PostStatus`, 10, 10, 10],
    [`${svid}/BatchNewX509SVID`, 500, 500, Number.POSITIVE_INFINITY],
    [`${svid}/NewDownstreamX509CA`, 500, 500, Number.POSITIVE_INFINITY],
    [`${svid}/NewJWTSVID`, 500, 500, Number.POSITIVE_INFINITY],
    [`${svid}/BatchNewWITSVID`, 500, 500, Number.POSITIVE_INFINITY],
    [`${bundle}/PublishJWTAuthority`, 500, 500, 500],
    [`${bundle}/PublishWITAuthority`, 500, 500, 500],
  ];
  for (const [method, ...expected] of bursts) {
    it(`limits ${method} as SPIRE does`, async () => {
      assert.deepEqual(
        [
          await burstOf(method),
          await burstOf(method, { attestation: false, signing: true }),
          await burstOf(method, { attestation: true, signing: false }),
        ],
        expected,
      );
    });
  }

  it("shares one limit among all that signs X.509, and has others for JWT and WIT", async () => {
    const limit = makeRateLimit(all, new FakeClock());
    const take = (method: string, count: number) => limit(fakeCall({ method, caller: remote() }), count);
    await take(`${svid}/BatchNewX509SVID`, 498);
    await take(`${agent}/RenewAgent`, 1);
    await take(`${svid}/NewDownstreamX509CA`, 1);
    await take(`${svid}/NewJWTSVID`, 500);
    await take(`${svid}/BatchNewWITSVID`, 500);
    const waiting = new AbortController();
    const call = fakeCall({ method: `${agent}/RenewAgent`, caller: remote(), signal: waiting.signal });
    const more = limit(call, 1);
    waiting.abort();
    await assert.rejects(more, { name: "AbortError" });
  });

  it("refuses a batch that never fits", async () => {
    const limit = makeRateLimit(all, new FakeClock());
    await assert.rejects(
      limit(fakeCall({ method: `${svid}/BatchNewX509SVID`, caller: remote() }), 501),
      new StatusError(Code.ResourceExhausted, "RATE_LIMIT", "rate (501) exceeds burst size (500)"),
    );
  });

  it("limits each address by itself, and nobody at the admin socket", async () => {
    const limit = makeRateLimit(all, new FakeClock());
    const method = `${agent}/AttestAgent`;
    for (let host = 1; host < 100; host++)
      await limit(fakeCall({ method, caller: remote(`10.0.0.${host}`) }), 1);
    const local: Caller = { kind: "local", pid: 1, uid: 0, gid: 0 };
    for (let times = 0; times < 10; times++) await limit(fakeCall({ method, caller: local }), 1000);
  });

  it("calls it a fault of ours when a method without a limit asks for it", async () => {
    const limit = makeRateLimit(all, new FakeClock());
    for (const method of [`${agent}/BanAgent`, "constructor"])
      await assert.rejects(
        limit(fakeCall({ method, caller: remote() }), 1),
        new StatusError(Code.Internal, "RATE_LIMIT_MISSING", `rate limiting misconfigured for "${method}"`),
      );
  });
});
