import assert from "node:assert/strict";
import { X509Certificate } from "node:crypto";
import { describe, it } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { Code, StatusError } from "@finial/sdk";
import { parsePrivateKeyDer, parsePrivateKeyPem } from "@finial/sdk/crypto";
import { parseX509Svid, verifyX509Svid } from "@finial/sdk/spiffe";
import { captureLog, FakeClock, type TestCa, testCa } from "@finial/sdk/testing";
import type { TlsIdentity } from "../../kernel/rpc/tls-listener.ts";
import type { ActiveAuthorities } from "../ca/authorities.ts";
import { fakeAuthorities, fakeSurroundings } from "../ca/fake-authorities.ts";
import { X509SvidIssuer } from "../ca/x509-svid-issuer.ts";
import { ServerIdentity } from "./server-identity.ts";

/** A server's identity, below a CA that can be exchanged; SVIDs live for an hour and ten seconds, an hour of it to come. */
async function site() {
  const clock = new FakeClock();
  const ca = await testCa({ clock });
  const logger = captureLog();
  let active: ActiveAuthorities = await fakeAuthorities(ca, clock);
  let failure: StatusError | undefined;
  const authorities: ActiveAuthorities = {
    getX509Ca: () => {
      if (failure !== undefined) throw failure;
      return active.getX509Ca();
    },
    getJwtKey: () => active.getJwtKey(),
  };
  const issuer = new X509SvidIssuer(authorities, fakeSurroundings(ca, clock));
  const identity = await ServerIdentity.issue({ issuer, keyType: "ec-p256", clock, logger });
  const seen: TlsIdentity[] = [];
  identity.onChange((next) => seen.push(next));
  const stop = new AbortController();
  const run = identity.run(stop.signal).catch((error: unknown) => {
    assert.equal(StatusError.from(error).code, Code.Cancelled);
  });
  const errors = () => logger.lines.filter(({ level }) => level === "error");
  /** Until there are so many new identities and failures. Keys are made on another thread, which no fake clock waits for. */
  const until = async (identities: number, failures = 0): Promise<void> => {
    for (let turn = 0; seen.length < identities || errors().length < failures; turn++) {
      assert.ok(turn < 5000, "it never came");
      await sleep(1);
    }
    assert.deepEqual([seen.length, errors().length], [identities, failures]);
  };
  return {
    clock,
    ca,
    logger,
    identity,
    seen,
    errors,
    until,
    exchange: async (other: TestCa) => {
      active = await fakeAuthorities(other, clock);
    },
    fail: (error: StatusError | undefined) => {
      failure = error;
    },
    [Symbol.asyncDispose]: async () => {
      stop.abort();
      await run;
    },
  };
}

const away = new StatusError(Code.Unavailable, "AWAY", "keymanager(fake): away");

describe("ServerIdentity", () => {
  it("is the server's own SVID, with its key, for TLS and for plugins", async () => {
    await using at = await site();
    const { identity, ca, clock } = at;
    const { spiffeId, leaf } = verifyX509Svid({
      chainDer: identity.chainDer,
      anchorsOf: () => [ca.root],
      now: clock.now(),
    });
    assert.equal(spiffeId.toString(), "spiffe://example.org/spire/server");
    parseX509Svid(identity.chainDer);
    const certificate = new X509Certificate(identity.tls.chainPem);
    assert.ok(certificate.raw.equals(leaf.der));
    assert.ok(certificate.checkPrivateKey(parsePrivateKeyPem(identity.tls.keyPem)));
    assert.ok(certificate.checkPrivateKey(parsePrivateKeyDer(identity.keyPkcs8Der)));
  });

  it("is taken anew after half of its life, with another key", async () => {
    await using at = await site();
    const before = at.identity.tls;
    await at.clock.advance(1_795_000 - 1);
    await at.until(0);
    await at.clock.advance(5000);
    await at.until(1);
    const [next] = at.seen;
    assert.deepEqual(next, at.identity.tls);
    assert.notEqual(next?.keyPem, before.keyPem);
    assert.notEqual(next?.chainPem, before.chainPem);
    await at.clock.advance(1_795_000 - 5000);
    assert.equal(at.seen.length, 1);
  });

  it("is taken anew within 5 s when the authority that issued it signs no more: it may be tainted", async () => {
    await using at = await site();
    const other = await testCa({ clock: at.clock });
    await at.exchange(other);
    await at.clock.advance(5000);
    await at.until(1);
    verifyX509Svid({
      chainDer: at.identity.chainDer,
      anchorsOf: () => [other.root],
      now: at.clock.now(),
    });
    await at.clock.advance(60_000);
    assert.equal(at.seen.length, 1);
  });

  it("goes on with the old one while there is no new one, says so, and tries again every 5 s", async () => {
    await using at = await site();
    const before = at.identity.tls;
    await at.clock.advance(1_790_000);
    at.fail(away);
    for (let failures = 1; failures <= 3; failures++) {
      await at.clock.advance(5000);
      await at.until(0, failures);
    }
    assert.deepEqual(at.identity.tls, before);
    assert.deepEqual(
      at.errors(),
      Array.from({ length: 3 }, () => ({
        level: "error",
        message: "Could not rotate server SVID",
        fields: { error: away.message },
      })),
    );
    at.fail(undefined);
    await at.clock.advance(5000);
    await at.until(1, 3);
  });

  it("never writes its key into the log", async () => {
    await using at = await site();
    const said = JSON.stringify(at.logger.lines);
    assert.ok(said.includes("spiffe://example.org/spire/server"));
    assert.ok(!said.includes("PRIVATE") && !said.includes(at.identity.keyPkcs8Der.toString("base64")));
  });
});
