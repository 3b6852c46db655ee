import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { Code, StatusError } from "@finial/sdk";
import { CertificateRequest, subjectAltNameExtension } from "@finial/sdk/crypto";
import { captureLog, FakeClock, testCa } from "@finial/sdk/testing";
import { permissionDenied } from "../../kernel/convert/permission-denied.ts";
import { BundleCache } from "../cache/bundle-cache.ts";
import { RotationPolicy } from "../sync/rotation.ts";
import { agentIdentity } from "./agent-identity.ts";
import { AgentSvid } from "./agent-svid.ts";
import { FakeKeyManager } from "./fake-key-manager.ts";

const ca = await testCa({ clock: new FakeClock() });
const other = await testCa({ clock: new FakeClock() });
const first = await ca.x509Svid("/spire/agent/a");
const away = new StatusError(Code.Unavailable, "X", "server is away");

/** An agent with an SVID for an hour. */
async function open({ reattestable = false }: { readonly reattestable?: boolean } = {}) {
  const clock = new FakeClock();
  const logger = captureLog();
  const keyManager = new FakeKeyManager();
  const key = keyManager.put("agent-svid-A", first.privateKey);
  const calls: string[] = [];
  const state: { failure: StatusError | undefined } = { failure: undefined };
  const issue = async (what: string, csrDer: Buffer): Promise<readonly Buffer[]> => {
    calls.push(what);
    if (state.failure !== undefined) throw state.failure;
    const extensions = [
      subjectAltNameExtension({ uris: ["spiffe://example.org/spire/agent/a"], dnsNames: [] }, false),
    ];
    const ttlSeconds = 3600 + (clock.now().getTime() - Date.UTC(2026, 0, 1)) / 1000;
    return [await ca.certify(CertificateRequest.parse(csrDer).publicKey, { extensions, ttlSeconds })];
  };
  const bundles = new BundleCache(ca.bundle);
  const svid = new AgentSvid({
    identity: await agentIdentity({ chainDer: first.chainDer, key, reattestable }),
    bundles,
    keyManager,
    attestation: {
      attest: async ({ csrDer, bundle }) => {
        assert.equal(bundle, bundles.own);
        return { chainDer: await issue("attest", csrDer), reattestable: true, bundle: ca.bundle };
      },
    },
    rotation: new RotationPolicy({ availabilityTargetMs: undefined, random: () => 0.5 }),
    clock,
    logger,
    random: () => 0.5,
  });
  const told: unknown[] = [];
  svid.onChange((identity) => told.push(identity));
  const stop = new AbortController();
  const run = () => svid.run({ renewAgent: (csrDer) => issue("renew", csrDer) }, stop.signal);
  return { calls, clock, keyManager, logger, run, state, stop, svid, told };
}

async function until(isSo: () => boolean): Promise<void> {
  for (let turn = 0; !isSo(); turn++) {
    if (turn > 5000) throw new assert.AssertionError({ message: "it never came" });
    await new Promise((resolve) => setTimeout(resolve, 1));
  }
}

describe("AgentSvid.run()", () => {
  for (const { reattestable, call, lines } of [
    { reattestable: false, call: "renew", lines: ["Rotating agent SVID", "Successfully rotated agent SVID"] },
    { reattestable: true, call: "attest", lines: ["Reattesting node", "Successfully reattested node"] },
  ])
    it(`renews the SVID in time by ${reattestable ? "attesting again" : "asking the server"}, with a key in the other slot`, async () => {
      const { calls, clock, logger, run, stop, svid, told } = await open({ reattestable });
      const running = assert.rejects(run(), { name: "AbortError" });
      await clock.advance(0);
      await clock.advance(29 * 60_000);
      assert.deepEqual(calls, []);
      await clock.advance(2 * 60_000);
      await until(() => told.length === 1);
      assert.deepEqual(calls, [call]);
      assert.equal(told[0], svid.identity);
      assert.deepEqual([svid.identity.key.id, svid.identity.reattestable], ["agent-svid-B", reattestable]);
      assert.deepEqual(
        logger.lines.map(({ message }) => message),
        lines,
      );
      assert.deepEqual(logger.lines[1]?.fields, { spiffe_id: "spiffe://example.org/spire/agent/a" });
      stop.abort();
      await running;
    });

  for (const { reattestable, call, how } of [
    { reattestable: false, call: "renew", how: "the agent's SVID is renewed" },
    { reattestable: true, call: "attest", how: "the agent attests again" },
  ])
    it(`takes a new key when the key manager has lost its keys, and says that ${how}`, async () => {
      const { calls, clock, keyManager, logger, run, stop, svid, told } = await open({ reattestable });
      const running = assert.rejects(run(), { name: "AbortError" });
      await clock.advance(0);
      keyManager.loseKeys();
      await clock.advance(6000);
      await until(() => told.length === 1);
      assert.deepEqual([calls, svid.identity.key.id], [[call], "agent-svid-B"]);
      assert.deepEqual(logger.lines[0], {
        level: "warn",
        message: `Key manager came back without its keys: ${how} with a new one`,
        fields: { keys: "agent-svid-A" },
      });
      // Once is enough.
      await clock.advance(60_000);
      assert.equal(calls.length, 1);
      stop.abort();
      await running;
    });

  it("uses the two slots in turn", async () => {
    const { keyManager, svid } = await open({ reattestable: true });
    const ids: string[] = [];
    for (let turn = 0; turn < 3; turn++) {
      await svid.reattest(new AbortController().signal);
      ids.push(svid.identity.key.id);
    }
    assert.deepEqual(
      [ids, [...keyManager.keys.keys()]],
      [
        ["agent-svid-B", "agent-svid-A", "agent-svid-B"],
        ["agent-svid-A", "agent-svid-B"],
      ],
    );
  });

  it("tries again after a failure, which it logs, at waits that grow, and keeps what it has", async () => {
    const { calls, clock, logger, run, state, stop, svid } = await open();
    const before = svid.identity;
    state.failure = away;
    const running = assert.rejects(run(), { name: "AbortError" });
    await clock.advance(0);
    await clock.advance(31 * 60_000);
    await until(() => calls.length > 0 && clock.sleeping === 1);
    const { length } = calls;
    assert.ok(
      logger.lines.some(
        ({ level, message, fields }) =>
          level === "error" && message === "Could not rotate agent SVID" && fields.error === "server is away",
      ),
    );
    assert.equal(svid.identity, before);
    state.failure = undefined;
    await clock.advance(120_000);
    await until(() => svid.identity !== before);
    assert.ok(calls.length > length);
    // Then it looks as often again as before.
    await until(() => clock.sleeping === 1);
    svid.taint([ca.root]);
    const renewed = svid.identity;
    await clock.advance(5_000);
    await until(() => svid.identity !== renewed);
    stop.abort();
    await running;
  });

  for (const { reattestable, what } of [
    { reattestable: false, what: "rotate agent SVID" },
    { reattestable: true, what: "reattest agent" },
  ])
    it(`ends when the SVID has expired and it could not ${what}`, async () => {
      const { clock, logger, run, state } = await open({ reattestable });
      state.failure = away;
      await clock.advance(3_600_001);
      await assert.rejects(run(), {
        code: Code.Unavailable,
        message: `current SVID has already expired and ${what} failed: server is away`,
      });
      assert.deepEqual(logger.lines.at(-1), {
        level: "error",
        message: `Could not ${what}`,
        fields: { error: "server is away" },
      });
    });

  it("ends with the server's denial", async () => {
    const { clock, run, state } = await open();
    state.failure = permissionDenied("AGENT_BANNED", "agent is banned");
    await clock.advance(40 * 60_000);
    await assert.rejects(run(), state.failure);
  });

  it("takes no SVID for another key", async () => {
    const { clock, logger, svid } = await open();
    const before = svid.identity;
    await clock.advance(40 * 60_000);
    const stop = new AbortController();
    const running = assert.rejects(svid.run({ renewAgent: async () => first.chainDer }, stop.signal), {
      name: "AbortError",
    });
    await until(() => clock.sleeping === 1);
    assert.equal(svid.identity, before);
    assert.equal(logger.lines.at(-1)?.fields.error, "the agent's SVID is for another key");
    stop.abort();
    await running;
  });
});

describe("AgentSvid.taint()", () => {
  it("has an SVID renewed that one of the authorities has signed, once", async () => {
    const { calls, clock, logger, run, stop, svid, told } = await open();
    svid.taint([other.root]);
    assert.deepEqual(logger.lines, []);
    svid.taint([other.root, ca.root]);
    svid.taint([ca.root]);
    assert.deepEqual(logger.lines, [
      { level: "info", message: "Agent SVID is tainted by a root authority, forcing rotation", fields: {} },
    ]);
    const running = assert.rejects(run(), { name: "AbortError" });
    await until(() => told.length === 1);
    await until(() => clock.sleeping === 1);
    await clock.advance(5_000);
    assert.deepEqual(calls, ["renew"]);
    stop.abort();
    await running;
  });
});

describe("AgentSvid.reattest()", () => {
  it("refuses where the attestor cannot attest again", async () => {
    const { calls, svid } = await open();
    await assert.rejects(svid.reattest(new AbortController().signal), {
      code: Code.FailedPrecondition,
      reason: "NOT_REATTESTABLE",
      message: "attestation method is not re-attestable",
    });
    assert.deepEqual(calls, []);
  });
});
