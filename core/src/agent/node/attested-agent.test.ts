import assert from "node:assert/strict";
import { mkdirSync, mkdtempSync, rmdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, describe, it } from "node:test";
import { AgentDefinition } from "@finial/proto/api/server/agent/v1/agent";
import { BundleDefinition } from "@finial/proto/api/server/bundle/v1/bundle";
import { CertificateRequest, subjectAltNameExtension } from "@finial/sdk/crypto";
import { captureLog, FakeClock, testCa } from "@finial/sdk/testing";
import { toWireBundle } from "../../kernel/convert/bundle.ts";
import { FakeServer } from "../api/fake-server.ts";
import type { AgentConfig } from "../config.ts";
import { RotationPolicy } from "../sync/rotation.ts";
import { AgentData } from "./agent-data.ts";
import { openAttestedAgent } from "./attested-agent.ts";
import { FakeKeyManager } from "./fake-key-manager.ts";

const root = mkdtempSync(join(tmpdir(), "finial-attested-"));
after(() => rmSync(root, { recursive: true }));
const clock = new FakeClock();
const ca = await testCa({ clock });
const next = await testCa({ clock });
const identity = await ca.x509Svid("/spire/server");

/** A server that lets every agent in, and an agent that begins with the server's bundle in a file. */
async function open({ reattestable = true }: { readonly reattestable?: boolean } = {}) {
  const payloads: string[] = [];
  const server = await new FakeServer(captureLog())
    .serve(AgentDefinition, {
      attestAgent: async function* (incoming) {
        for await (const { step } of incoming) {
          if (step?.$case !== "params") return;
          payloads.push(`${step.value.data?.type}: ${step.value.data?.payload}`);
          const { publicKey } = CertificateRequest.parse(step.value.params?.csr ?? Buffer.alloc(0));
          const uris = ["spiffe://example.org/spire/agent/a"];
          const extensions = [subjectAltNameExtension({ uris, dnsNames: [] }, false)];
          const svid = { certChain: [await ca.certify(publicKey, { extensions })] };
          yield { step: { $case: "result", value: { svid, reattestable } } };
        }
      },
    })
    .serve(BundleDefinition, { getBundle: () => toWireBundle(ca.bundle) })
    .show(identity);
  const dataDir = mkdtempSync(join(root, "x"));
  const bundlePath = join(dataDir, "bundle.pem");
  writeFileSync(bundlePath, ca.rootPem);
  const logger = captureLog();
  const { serverAddress, serverPort } = server;
  const start = (options: { readonly joinToken?: string; readonly keyManager?: FakeKeyManager } = {}) =>
    openAttestedAgent({
      config: {
        dataDir,
        serverAddress,
        serverPort,
        trustDomain: ca.trustDomain,
        joinToken: options.joinToken,
        bootstrap: { kind: "file", path: bundlePath, format: "pem" },
        rebootstrap: { mode: "never", delayMs: 0 },
      } as unknown as AgentConfig,
      plugins: {
        keyManager: options.keyManager ?? new FakeKeyManager(),
        nodeAttestor: {
          name: "test",
          startAttestation: async () => ({
            payload: Buffer.from("payload"),
            respond: async () => Buffer.alloc(1),
            [Symbol.asyncDispose]: async () => {},
          }),
        },
      },
      rotation: new RotationPolicy({ availabilityTargetMs: undefined, random: () => 0.5 }),
      surroundings: { clock, random: () => 0.5, logger },
      signal: new AbortController().signal,
    });
  return {
    dataDir,
    logger,
    payloads,
    server,
    start,
    [Symbol.asyncDispose]: () => server[Symbol.asyncDispose](),
  };
}

describe("openAttestedAgent()", () => {
  it("attests by its attestor, or by a join token that no plugin sees", async () => {
    await using opened = await open();
    await opened.start();
    rmSync(join(opened.dataDir, "agent-data.json"));
    await opened.start({ joinToken: "token" });
    assert.deepEqual(opened.payloads, ["test: payload", "join_token: token"]);
  });

  it("takes up at the next start what it was", async () => {
    await using opened = await open();
    const keyManager = new FakeKeyManager();
    const first = await opened.start({ keyManager });
    const second = await opened.start({ keyManager });
    assert.deepEqual(second.svid.identity.chainDer, first.svid.identity.chainDer);
    assert.equal(opened.payloads.length, 1);
  });

  it("keeps its SVID and bundle on disk as they change", async () => {
    await using opened = await open();
    const { bundles, svid } = await opened.start();
    await svid.reattest(new AbortController().signal);
    bundles.update([next.bundle]);
    const { chainDer, bundleDer, reattestable } = AgentData.open(opened.dataDir).record;
    assert.deepEqual([chainDer, bundleDer, reattestable], [svid.identity.chainDer, [next.rootDer], true]);
  });

  it("goes on with its new SVID and bundle when they cannot be written, and says so", async () => {
    await using opened = await open();
    const { bundles, svid } = await opened.start();
    const before = svid.identity;
    const told: unknown[] = [];
    svid.onChange((changed) => told.push(changed));
    const obstacle = join(opened.dataDir, "agent-data.json.tmp");
    mkdirSync(obstacle);
    await svid.reattest(new AbortController().signal);
    bundles.update([next.bundle]);
    rmdirSync(obstacle);
    assert.notEqual(svid.identity, before);
    assert.deepEqual(told, [svid.identity], "the others are told all the same");
    assert.deepEqual(bundles.own.x509Authorities, next.bundle.x509Authorities);
    const said = opened.logger.lines.filter(({ message }) => message.startsWith("Could not store"));
    assert.deepEqual(
      said.map(({ level, message }) => [level, message]),
      [
        ["warn", "Could not store SVID"],
        ["error", "Could not store bundle"],
      ],
    );
  });

  for (const { reattestable, name, isWarned } of [
    { reattestable: false, name: "memory", isWarned: true },
    { reattestable: true, name: "memory", isWarned: false },
    { reattestable: false, name: "disk", isWarned: false },
  ])
    it(`${isWarned ? "warns" : "does not warn"} of keys in ${name} and an attestor that ${reattestable ? "can" : "cannot"} attest again`, async () => {
      await using opened = await open({ reattestable });
      await opened.start({ keyManager: new FakeKeyManager(name) });
      const warnings = opened.logger.lines.filter(({ message }) =>
        message.startsWith("Node attestation is not reattestable and the 'memory' key manager is in use"),
      );
      assert.equal(warnings.length, isWarned ? 1 : 0);
    });
});
