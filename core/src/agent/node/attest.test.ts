import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, describe, it } from "node:test";
import { Code, StatusError } from "@finial/sdk";
import { CertificateRequest, generatePrivateKey, subjectAltNameExtension } from "@finial/sdk/crypto";
import type { Bundle } from "@finial/sdk/spiffe";
import { captureLog, FakeClock, testCa } from "@finial/sdk/testing";
import { AgentData, type AgentRecord } from "./agent-data.ts";
import { attestNode } from "./attest.ts";
import { FakeKeyManager } from "./fake-key-manager.ts";

const root = mkdtempSync(join(tmpdir(), "finial-attest-"));
after(() => rmSync(root, { recursive: true }));

const ca = await testCa({ clock: new FakeClock() });
const svid = await ca.x509Svid("/spire/agent/a");
const serverBundle = { ...ca.bundle, sequenceNumber: 9 };

function open(
  record: Partial<AgentRecord> = {},
  { bootstrap = [ca.rootDer] }: { readonly bootstrap?: readonly Buffer[] | "insecure" } = {},
) {
  const clock = new FakeClock();
  const logger = captureLog();
  const data = AgentData.open(mkdtempSync(join(root, "x")));
  data.update(record);
  const keyManager = new FakeKeyManager();
  const requests: { readonly csr: CertificateRequest; readonly bundle: Bundle | undefined }[] = [];
  const state: { failure: StatusError | undefined } = { failure: undefined };
  const attest = () =>
    attestNode({
      trustDomain: ca.trustDomain,
      data,
      keyManager,
      attestation: {
        attest: async ({ csrDer, bundle }) => {
          const csr = CertificateRequest.parse(csrDer);
          requests.push({ csr, bundle });
          if (state.failure !== undefined) throw state.failure;
          const uris = ["spiffe://example.org/spire/agent/new"];
          const extensions = [subjectAltNameExtension({ uris, dnsNames: [] }, false)];
          const chainDer = [await ca.certify(csr.publicKey, { extensions })];
          return { chainDer, reattestable: true, bundle: serverBundle };
        },
      },
      bootstrapBundleDer: bootstrap === "insecure" ? undefined : bootstrap,
      clock,
      logger,
      signal: new AbortController().signal,
    });
  const said = () => logger.lines.map(({ level, message }) => `${level}: ${message}`);
  return { attest, clock, keyManager, logger, requests, said, state };
}

const remembered: Partial<AgentRecord> = {
  chainDer: svid.chainDer,
  bundleDer: [ca.rootDer],
  reattestable: false,
};
const attested = [
  "info: SVID is not found. Starting node attestation",
  "info: Node attestation was successful",
];

describe("attestNode()", () => {
  it("takes up the SVID of the last run, without a word to the server", async () => {
    const { attest, keyManager, logger, requests } = open(remembered);
    const key = keyManager.put("agent-svid-B", svid.privateKey);
    keyManager.put("agent-svid-A", await generatePrivateKey("ec-p256"));
    const { identity, bundle } = await attest();
    assert.deepEqual([identity.key, identity.chainDer, identity.reattestable], [key, svid.chainDer, false]);
    assert.deepEqual(bundle, {
      trustDomain: ca.trustDomain,
      x509Authorities: ca.bundle.x509Authorities,
      jwtAuthorities: [],
      refreshHintSeconds: 0,
      sequenceNumber: 0,
    });
    assert.deepEqual(requests, []);
    assert.deepEqual(logger.lines, [
      { level: "info", message: "Bundle loaded", fields: { trust_domain_id: "spiffe://example.org" } },
      { level: "info", message: "SVID loaded", fields: { spiffe_id: "spiffe://example.org/spire/agent/a" } },
    ]);
  });

  it("attests with a new key and a request that the server names, and takes the server's bundle", async () => {
    const { attest, keyManager, logger, requests } = open();
    const { identity, bundle } = await attest();
    assert.equal(identity.spiffeId.toString(), "spiffe://example.org/spire/agent/new");
    assert.deepEqual([identity.key, identity.reattestable], [keyManager.keys.get("agent-svid-A"), true]);
    assert.equal(bundle, serverBundle);
    const [request] = requests;
    assert.deepEqual(request?.bundle?.x509Authorities, ca.bundle.x509Authorities);
    assert.deepEqual(
      [request?.csr.subjectAltName.uris, request?.csr.publicKey.pkixDer],
      [[], identity.leaf.pkixDer],
    );
    assert.ok(await request?.csr.verify());
    assert.deepEqual(logger.lines.slice(1), [
      { level: "info", message: "SVID is not found. Starting node attestation", fields: {} },
      {
        level: "info",
        message: "Node attestation was successful",
        fields: { spiffe_id: "spiffe://example.org/spire/agent/new", reattestable: true },
      },
    ]);
  });

  it("attests without a bundle for an insecure bootstrap", async () => {
    const { attest, requests, said } = open({}, { bootstrap: "insecure" });
    await attest();
    assert.equal(requests[0]?.bundle, undefined);
    assert.equal(said()[0], "info: Bundle is not found");
  });

  it("prefers the bundle it knows to the one it could begin with", async () => {
    const other = await testCa({ clock: new FakeClock() });
    const { attest, requests } = open({ bundleDer: [ca.rootDer] }, { bootstrap: [other.rootDer] });
    await attest();
    assert.deepEqual(requests[0]?.bundle?.x509Authorities, ca.bundle.x509Authorities);
  });

  const losses: readonly {
    readonly title: string;
    readonly keys: readonly ("of the SVID" | "another")[];
    readonly hasSvid: boolean;
    readonly afterMs?: number;
    readonly warning: string | undefined;
    /** In which the new key is. */
    readonly slot: string;
  }[] = [
    { title: "nothing", keys: [], hasSvid: false, warning: undefined, slot: "agent-svid-A" },
    {
      title: "keys alone",
      keys: ["another"],
      hasSvid: false,
      warning: "Keys recovered, but no SVID found. Generating new keypair",
      slot: "agent-svid-A",
    },
    {
      title: "an SVID alone",
      keys: [],
      hasSvid: true,
      warning: "SVID recovered, but no keys found. Generating new keypair",
      slot: "agent-svid-A",
    },
    {
      title: "an SVID and another key",
      keys: ["another"],
      hasSvid: true,
      warning: "SVID recovered, but no SVID key found. Generating new keypair",
      slot: "agent-svid-A",
    },
    {
      title: "an SVID that has expired",
      keys: ["of the SVID"],
      hasSvid: true,
      afterMs: 3_600_000,
      warning: "SVID key recovered, but SVID is expired. Generating new keypair",
      slot: "agent-svid-B",
    },
    {
      title: "an SVID that will have expired by the time of a handshake",
      keys: ["of the SVID"],
      hasSvid: true,
      afterMs: 3_599_000,
      warning: "SVID key recovered, but SVID is expired. Generating new keypair",
      slot: "agent-svid-B",
    },
  ];
  for (const { title, keys, hasSvid, afterMs = 0, warning, slot } of losses)
    it(`attests when it finds ${title}`, async () => {
      const { attest, clock, keyManager, said } = open(hasSvid ? remembered : { bundleDer: [ca.rootDer] });
      for (const which of keys)
        keyManager.put(
          "agent-svid-A",
          which === "another" ? await generatePrivateKey("ec-p256") : svid.privateKey,
        );
      await clock.advance(afterMs);
      const { identity } = await attest();
      assert.equal(identity.key.id, slot);
      assert.deepEqual(said(), [
        "info: Bundle loaded",
        ...(warning === undefined ? [] : [`warn: ${warning}`]),
        ...attested,
      ]);
    });

  it("takes an SVID up to its last second but one", async () => {
    const { attest, clock, keyManager, requests } = open(remembered);
    keyManager.put("agent-svid-A", svid.privateKey);
    await clock.advance(3_598_999);
    await attest();
    assert.deepEqual(requests, []);
  });

  it("says when the SVID expired", async () => {
    const { attest, clock, keyManager, logger } = open(remembered);
    keyManager.put("agent-svid-A", svid.privateKey);
    await clock.advance(7_200_000);
    await attest();
    assert.deepEqual(logger.lines[1]?.fields, { expiry: "2026-01-01T01:00:00.000Z" });
  });

  it("does not take up an SVID without a bundle to know the server by: somebody has been at its data", async () => {
    const { attest, keyManager, requests } = open(
      { ...remembered, bundleDer: [] },
      { bootstrap: "insecure" },
    );
    keyManager.put("agent-svid-A", svid.privateKey);
    await assert.rejects(attest(), {
      code: Code.FailedPrecondition,
      reason: "NO_BUNDLE",
      message: "SVID loaded but no bundle in cache",
    });
    assert.deepEqual(requests, []);
  });

  it("fails with the server's refusal, and with the key manager's failure", async () => {
    const refused = open();
    refused.state.failure = new StatusError(Code.PermissionDenied, "X", "agent is banned");
    await assert.rejects(refused.attest(), refused.state.failure);
    const broken = open();
    const failure = new StatusError(Code.Internal, "X", "keymanager(fake): broken");
    broken.keyManager.before = () => {
      throw failure;
    };
    await assert.rejects(broken.attest(), failure);
  });
});
