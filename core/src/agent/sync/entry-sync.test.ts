import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, describe, it } from "node:test";
import { AgentDefinition } from "@finial/proto/api/server/agent/v1/agent";
import { BundleDefinition } from "@finial/proto/api/server/bundle/v1/bundle";
import { EntryDefinition } from "@finial/proto/api/server/entry/v1/entry";
import { SVIDDefinition } from "@finial/proto/api/server/svid/v1/svid";
import { Entry } from "@finial/proto/api/types/entry";
import { Code, StatusError } from "@finial/sdk";
import { CertificateRequest, subjectAltNameExtension } from "@finial/sdk/crypto";
import type { Bundle } from "@finial/sdk/spiffe";
import { captureLog, FakeClock, type TestX509Svid, testCa } from "@finial/sdk/testing";
import { toWireBundle } from "../../kernel/convert/bundle.ts";
import { permissionDenied } from "../../kernel/convert/permission-denied.ts";
import { FakeServer } from "../api/fake-server.ts";
import { BundleCache } from "../cache/bundle-cache.ts";
import type { RebootstrapPolicy } from "../config/rebootstrap.ts";
import type { AgentConfig } from "../config.ts";
import { AgentData } from "../node/agent-data.ts";
import { agentIdentity } from "../node/agent-identity.ts";
import { AgentSvid } from "../node/agent-svid.ts";
import { Bootstrap } from "../node/bootstrap.ts";
import { FakeKeyManager } from "../node/fake-key-manager.ts";
import { EntrySync } from "./entry-sync.ts";
import { RotationPolicy } from "./rotation.ts";

const root = mkdtempSync(join(tmpdir(), "finial-entry-sync-"));
after(() => rmSync(root, { recursive: true }));
const ca = await testCa({ clock: new FakeClock() });
const impostor = await testCa({ clock: new FakeClock() });
const genuine = await ca.x509Svid("/spire/server");
const first = await ca.x509Svid("/spire/agent/a");

/** An agent that has attested, and its server with one entry. */
async function open(
  options: {
    readonly mode?: RebootstrapPolicy["mode"];
    readonly identity?: TestX509Svid;
    readonly reattestable?: boolean;
  } = {},
) {
  const { mode = "never", identity = genuine, reattestable = true } = options;
  await using stack = new AsyncDisposableStack();
  const clock = new FakeClock();
  const logger = captureLog();
  const state: { denial: StatusError | undefined; bundle: Bundle; postStatus: () => void } = {
    denial: undefined,
    bundle: ca.bundle,
    postStatus: () => {},
  };
  const calls: string[] = [];
  const call = (what: string): void => {
    calls.push(what);
    if (state.denial !== undefined) throw state.denial;
  };
  const sign = async (csr: Buffer, uri: string): Promise<Buffer> => {
    const extensions = [subjectAltNameExtension({ uris: [uri], dnsNames: [] }, false)];
    return await ca.certify(CertificateRequest.parse(csr).publicKey, { extensions, ttlSeconds: 36_000 });
  };
  const server = await stack
    .use(new FakeServer(captureLog()))
    .serve(AgentDefinition, {
      postStatus: ({ agentVersion }) => {
        calls.push(`version ${agentVersion}`);
        state.postStatus();
        return {};
      },
    })
    .serve(BundleDefinition, { getBundle: () => toWireBundle(state.bundle) })
    .serve(EntryDefinition, {
      syncAuthorizedEntries: async function* (incoming) {
        call("sync");
        for await (const _ of incoming)
          yield {
            entries: [
              Entry.fromPartial({
                id: "a",
                spiffeId: { trustDomain: "example.org", path: "/a" },
                selectors: [{ type: "x", value: "w" }],
              }),
            ],
          };
      },
    })
    .serve(SVIDDefinition, {
      batchNewX509SVID: async ({ params }) => ({
        results: await Promise.all(
          params.map(async ({ csr }) => ({
            status: { code: 0, message: "OK" },
            svid: { certChain: [await sign(csr, "spiffe://example.org/a")] },
          })),
        ),
      }),
    })
    .show(identity);
  const data = AgentData.open(mkdtempSync(join(root, "x")));
  data.update({ chainDer: first.chainDer, bundleDer: [ca.rootDer], reattestable });
  const keyManager = new FakeKeyManager();
  const key = keyManager.put("agent-svid-A", first.privateKey);
  const bundles = new BundleCache(ca.bundle);
  const rotation = new RotationPolicy({ availabilityTargetMs: undefined, random: () => 0.5 });
  const svid = new AgentSvid({
    identity: await agentIdentity({ chainDer: first.chainDer, key, reattestable }),
    bundles,
    keyManager,
    attestation: {
      attest: async ({ csrDer }) => {
        calls.push("attest");
        state.denial = undefined;
        const chainDer = [await sign(csrDer, "spiffe://example.org/spire/agent/a")];
        return { chainDer, reattestable: true, bundle: ca.bundle };
      },
    },
    rotation,
    clock,
    logger,
    random: () => 0.5,
  });
  const bootstrap = new Bootstrap({ data, policy: { mode, delayMs: 600_000 }, clock, logger });
  const sync = stack.use(
    new EntrySync({
      config: {
        serverAddress: server.serverAddress,
        serverPort: server.serverPort,
        trustDomain: ca.trustDomain,
        x509SvidCacheMaxSize: 100,
        jwtSvidCacheMaxSize: 100,
        jwtSvidCacheHitTimeoutMs: 1000,
        workloadKeyType: "ec-p256",
        syncIntervalMs: 5000,
        useSyncAuthorizedEntries: true,
      } as unknown as AgentConfig,
      agent: { svid, bundles, bootstrap, data },
      rotation,
      surroundings: { clock, random: () => 0.5, logger, version: "1.2.3" },
    }),
  );
  const stop = new AbortController();
  const owned = stack.move();
  return {
    calls,
    clock,
    data,
    logger,
    server,
    state,
    stop,
    svid,
    sync,
    start: () => sync.start(stop.signal),
    [Symbol.asyncDispose]: () => owned.disposeAsync(),
  };
}

async function until(isSo: () => boolean): Promise<void> {
  for (let turn = 0; !isSo(); turn++) {
    if (turn > 5000) throw new assert.AssertionError({ message: "it never came" });
    await new Promise((resolve) => setTimeout(resolve, 1));
  }
}

const banned = permissionDenied("AGENT_BANNED", "agent is banned");
const expired = permissionDenied("AGENT_EXPIRED", "agent SVID is expired");

describe("EntrySync.start()", () => {
  it("tells the agent's version, and has entries with their SVIDs, over mutual TLS", async () => {
    await using opened = await open();
    await opened.start();
    const { calls, server, sync } = opened;
    assert.deepEqual(calls, ["version 1.2.3", "sync"]);
    assert.deepEqual(
      server.clients.map(({ chainDer }) => chainDer),
      [first.chainDer],
    );
    assert.deepEqual(sync.workloads.idsWithSvid(), ["a"]);
    assert.deepEqual(sync.lastSync, new Date("2026-01-01T00:00:00Z"));
  });

  it("remembers that the server is trusted", async () => {
    await using opened = await open();
    opened.data.update({ connectionAttempts: 3, bootstrapStartedAt: new Date(0) });
    await opened.start();
    const { connectionAttempts, bootstrapStartedAt } = opened.data.record;
    assert.deepEqual([connectionAttempts, bootstrapStartedAt], [0, undefined]);
  });

  it("tells the agent's own SVID what is tainted", async () => {
    await using opened = await open();
    const x509Authorities = ca.bundle.x509Authorities.map((authority) => ({ ...authority, tainted: true }));
    opened.state.bundle = { ...ca.bundle, x509Authorities };
    await opened.start();
    const said = "Agent SVID is tainted by a root authority, forcing rotation";
    assert.ok(opened.logger.lines.some(({ message }) => message === said));
  });

  it("goes without telling its version to a server that does not want to know", async () => {
    await using opened = await open();
    opened.state.postStatus = () => {
      throw new StatusError(Code.Unimplemented, "X", "unknown method");
    };
    await opened.start();
    const line = opened.logger.lines.find(({ level }) => level === "error");
    assert.deepEqual(line, {
      level: "error",
      message: "Failed to post agent status",
      fields: {
        subsystem_name: "manager",
        agent_version: "1.2.3",
        error: "failed to post agent status: unknown method",
      },
    });
  });

  it("attests again, and goes on as the new agent, when the server asks for it", async () => {
    await using opened = await open();
    opened.state.denial = expired;
    await opened.start();
    const { calls, server, svid } = opened;
    assert.deepEqual(calls, ["version 1.2.3", "sync", "attest", "sync"]);
    assert.deepEqual(server.clients.at(-1)?.chainDer, svid.identity.chainDer);
  });

  it("ends, and forgets the SVID, when it is banned", async () => {
    await using opened = await open();
    opened.state.denial = banned;
    await assert.rejects(opened.start(), { code: Code.PermissionDenied, message: /agent is banned$/ });
    assert.deepEqual(opened.data.record.chainDer, []);
  });

  it("hopes for a minute when it does not know the server, and may not begin anew", async () => {
    await using opened = await open({ identity: await impostor.x509Svid("/spire/server") });
    const starting = opened.start();
    await until(() => opened.clock.sleeping > 0);
    await opened.server.show(genuine);
    await opened.clock.advance(5_000);
    await starting;
    assert.deepEqual(opened.data.record.bundleDer, [ca.rootDer]);
  });

  it("forgets bundle and SVID when it does not know the server after the delay, and may begin anew", async () => {
    await using opened = await open({ mode: "auto", identity: await impostor.x509Svid("/spire/server") });
    let isOver = false;
    const starting = assert
      .rejects(opened.start(), { reason: "REBOOTSTRAP", message: "shutting down for rebootstrapping" })
      .finally(() => {
        isOver = true;
      });
    while (!isOver) {
      await until(() => isOver || opened.clock.sleeping > 0);
      assert.deepEqual(opened.data.record.bundleDer.length, isOver ? 0 : 1);
      if (!isOver) await opened.clock.advance(121_000);
    }
    await starting;
    assert.deepEqual([opened.data.record.bundleDer, opened.data.record.chainDer], [[], []]);
    assert.ok(opened.clock.now() >= new Date("2026-01-01T00:10:00Z"));
  });
});

describe("EntrySync.run()", () => {
  it("attests again when the server asks for it, and goes on", async () => {
    await using opened = await open();
    const { calls, clock, state, stop, sync, svid } = opened;
    await opened.start();
    const running = sync.run(stop.signal);
    await clock.advance(0);
    state.denial = expired;
    await clock.advance(5_000);
    await until(() => calls.includes("attest") && clock.sleeping >= 3);
    calls.length = 0;
    await clock.advance(5_000);
    await until(() => calls.includes("sync"));
    assert.equal(svid.identity.key.id, "agent-svid-B");
    stop.abort();
    await running;
  });

  it("ends when the server bans the agent", async () => {
    await using opened = await open();
    const { clock, data, state, stop, sync } = opened;
    await opened.start();
    const running = assert.rejects(sync.run(stop.signal), { message: /agent is banned$/ });
    await clock.advance(0);
    state.denial = banned;
    await clock.advance(5_000);
    await running;
    assert.deepEqual(data.record.chainDer, []);
  });
});
