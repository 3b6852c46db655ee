import assert from "node:assert/strict";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, describe, it } from "node:test";
import { Code, StatusError } from "@finial/sdk";
import { CertificateRequest, subjectAltNameExtension } from "@finial/sdk/crypto";
import type { Bundle } from "@finial/sdk/spiffe";
import { captureLog, FakeClock, testCa } from "@finial/sdk/testing";
import type { BootstrapSource } from "../config/bootstrap.ts";
import type { RebootstrapPolicy } from "../config/rebootstrap.ts";
import { AgentData, type AgentRecord } from "./agent-data.ts";
import { Bootstrap } from "./bootstrap.ts";
import { bootstrapNode } from "./bootstrap-node.ts";
import { FakeKeyManager } from "./fake-key-manager.ts";

const root = mkdtempSync(join(tmpdir(), "finial-bootstrap-node-"));
after(() => rmSync(root, { recursive: true }));

const ca = await testCa({ clock: new FakeClock() });
const next = await testCa({ clock: new FakeClock() });
const svid = await ca.x509Svid("/spire/agent/a");

const away = new StatusError(Code.Unavailable, "X", "connection refused");
const unknown = new StatusError(
  Code.Unavailable,
  "X",
  "authentication handshake failed: x509: certificate signed by unknown authority",
);

type Outcome = StatusError | "attested";

/** An agent whose attestations end so, the last for ever. */
function open(
  outcomes: readonly Outcome[],
  options: {
    readonly mode?: RebootstrapPolicy["mode"];
    readonly record?: Partial<AgentRecord>;
    readonly source?: BootstrapSource;
    readonly reattestable?: boolean;
  } = {},
) {
  const { mode = "never", record = {}, reattestable = true } = options;
  const clock = new FakeClock();
  const logger = captureLog();
  const folder = mkdtempSync(join(root, "x"));
  const data = AgentData.open(folder);
  data.update(record);
  const bundlePath = join(folder, "bundle.pem");
  writeFileSync(bundlePath, ca.rootPem);
  const keyManager = new FakeKeyManager();
  const bundles: (Bundle | undefined)[] = [];
  const stop = new AbortController();
  const bootstrap = new Bootstrap({ data, policy: { mode, delayMs: 600_000 }, clock, logger });
  const run = () =>
    bootstrapNode({
      trustDomain: ca.trustDomain,
      data,
      keyManager,
      attestation: {
        attest: async ({ csrDer, bundle }) => {
          const outcome = outcomes[Math.min(bundles.push(bundle), outcomes.length) - 1] as Outcome;
          if (outcome !== "attested") throw outcome;
          const uris = ["spiffe://example.org/spire/agent/new"];
          const extensions = [subjectAltNameExtension({ uris, dnsNames: [] }, false)];
          const { publicKey } = CertificateRequest.parse(csrDer);
          return { chainDer: [await ca.certify(publicKey, { extensions })], reattestable, bundle: ca.bundle };
        },
      },
      bootstrap,
      source: options.source ?? { kind: "file", path: bundlePath, format: "pem" },
      server: { serverAddress: "spire.example.org", serverPort: 8081 },
      clock,
      random: () => 0.5,
      logger,
      signal: stop.signal,
    });
  const warnings = () =>
    logger.lines.filter(({ level }) => level === "warn").map(({ message, fields }) => [message, fields]);
  return { bundlePath, bundles, clock, data, keyManager, logger, run, stop, warnings };
}

/** Lets it come to rest: files and keys are made beside this thread. */
async function until(isSo: () => boolean): Promise<void> {
  for (let turn = 0; !isSo(); turn++) {
    if (turn > 5000) throw new assert.AssertionError({ message: "it never came" });
    await new Promise((resolve) => setTimeout(resolve, 1));
  }
}

/** Goes on, from sleep to sleep, until it has tried so often. */
async function tries({ bundles, clock }: ReturnType<typeof open>, count: number): Promise<void> {
  for (;;) {
    await until(() => clock.sleeping === 1 || bundles.length >= count);
    if (bundles.length >= count) return;
    const before = bundles.length;
    await clock.advance(120_000);
    await until(() => bundles.length > before);
  }
}

const remembered: Partial<AgentRecord> = {
  chainDer: svid.chainDer,
  bundleDer: [ca.rootDer],
  reattestable: true,
};

describe("bootstrapNode()", () => {
  it("attests by the bundle of its source, and remembers that it could", async () => {
    const { bundles, data, run } = open(["attested"]);
    const { identity } = await run();
    assert.equal(identity.spiffeId.toString(), "spiffe://example.org/spire/agent/new");
    assert.deepEqual(bundles[0]?.x509Authorities, ca.bundle.x509Authorities);
    const { bootstrapUse, bootstrapStartedAt, connectionAttempts } = data.record;
    assert.deepEqual([bootstrapUse, bootstrapStartedAt, connectionAttempts], ["rebootstrap", undefined, 0]);
  });

  it("does not ask its source when it has a bundle", async () => {
    const source = { kind: "file", path: "/nowhere", format: "pem" } as const;
    const { run } = open(["attested"], { record: { bundleDer: [ca.rootDer] }, source });
    await run();
  });

  it("tries again, its source too, at waits that grow", async () => {
    const opened = open([away, away, "attested"]);
    rmSync(opened.bundlePath);
    const running = opened.run();
    await until(() => opened.clock.sleeping === 1);
    assert.equal(opened.bundles.length, 0);
    writeFileSync(opened.bundlePath, next.rootPem);
    await opened.clock.advance(5_000);
    await until(() => opened.clock.sleeping === 1);
    await opened.clock.advance(7_499);
    assert.equal(opened.bundles.length, 1);
    await opened.clock.advance(1);
    await until(() => opened.clock.sleeping === 1);
    await opened.clock.advance(11_250);
    await running;
    assert.deepEqual(opened.bundles[0]?.x509Authorities, next.bundle.x509Authorities);
    const message = "Failed to retrieve attestation result";
    assert.deepEqual(
      opened
        .warnings()
        .filter(([said]) => said === message)
        .slice(1),
      [
        [message, { error: "connection refused", retry_interval: "7.500s" }],
        [message, { error: "connection refused", retry_interval: "11.250s" }],
      ],
    );
  });

  for (const { mode, count } of [
    { mode: "never", count: 5 },
    { mode: "auto", count: 50 },
  ] as const)
    it(`${mode === "never" ? "gives up after a minute" : "has more patience when it may begin anew"}`, async () => {
      const opened = open([away], { mode });
      const running = opened.run();
      const outcome = running.then(
        () => "attested",
        (error: unknown) => error,
      );
      if (mode === "auto") {
        await tries(opened, count);
        opened.stop.abort();
        assert.equal(((await outcome) as Error).name, "AbortError");
        return;
      }
      for (const waitMs of [5_000, 7_500, 11_250, 16_875]) {
        await until(() => opened.clock.sleeping === 1);
        await opened.clock.advance(waitMs);
      }
      assert.equal(await outcome, away);
      assert.equal(opened.bundles.length, count);
    });

  const final: readonly { readonly title: string; readonly error: StatusError }[] = [
    { title: "the server denies it", error: new StatusError(Code.PermissionDenied, "X", "agent is banned") },
    {
      title: "the server refuses what it brings",
      error: new StatusError(Code.InvalidArgument, "X", "join token does not exist or has already been used"),
    },
  ];
  for (const { title, error } of final)
    it(`gives up at once when ${title}`, async () => {
      const { bundles, run, warnings } = open([error]);
      await assert.rejects(run(), error);
      assert.deepEqual([bundles.length, warnings()], [1, []]);
    });

  it("gives up at once on data that somebody has been at", async () => {
    const opened = open(["attested"], {
      record: { ...remembered, bundleDer: [] },
      source: { kind: "insecure" },
    });
    opened.keyManager.put("agent-svid-A", svid.privateKey);
    await assert.rejects(opened.run(), { reason: "NO_BUNDLE" });
  });

  it("refuses an attestor that cannot attest again where beginning anew was asked for, before and after", async () => {
    const before = open(["attested"], { mode: "always", record: { ...remembered, reattestable: false } });
    await assert.rejects(before.run(), { reason: "NOT_REATTESTABLE" });
    assert.equal(before.bundles.length, 0);
    const later = open(["attested"], { mode: "always", reattestable: false });
    await assert.rejects(later.run(), { reason: "NOT_REATTESTABLE" });
    assert.equal(later.bundles.length, 1);
  });

  it("asks its source again when the bundle it knows is not the server's any more, after the delay", async () => {
    const opened = open([unknown], { mode: "auto", record: { bundleDer: [next.rootDer] } });
    const running = opened.run().catch((error: unknown) => error);
    await tries(opened, 2);
    assert.deepEqual(opened.bundles[1]?.x509Authorities, next.bundle.x509Authorities);
    await opened.clock.advance(600_000);
    await until(() => opened.data.record.bundleDer.length === 0);
    const { length } = opened.bundles;
    await tries(opened, length + 1);
    assert.deepEqual(opened.bundles.at(-1)?.x509Authorities, ca.bundle.x509Authorities);
    opened.stop.abort();
    await running;
  });

  it("tells a source on a unix socket how it stands", async () => {
    const requests: (string | undefined)[] = [];
    const unixSocketPath = join(root, "source.sock");
    const server = createServer((request, response) => {
      requests.push(request.url);
      response.end(ca.rootPem);
    });
    await new Promise<void>((resolve) => {
      server.listen(unixSocketPath, resolve);
    });
    const url = new URL("http://local/bundle");
    const opened = open([away, "attested"], { source: { kind: "url", url, unixSocketPath, format: "pem" } });
    const running = opened.run();
    await tries(opened, 2);
    await running;
    server.close();
    assert.deepEqual(
      requests,
      [1, 2].map(
        (attempt) =>
          `/bundle?spiffe-trust-domain=example.org&spire-attest-mode=bootstrap&spire-attest-start-time=2026-01-01T00%3A00%3A00Z&spire-connection-attempts=${attempt}&spire-server-address=spire.example.org&spire-server-port=8081`,
      ),
    );
  });

  it("stops when it is told to", async () => {
    const opened = open([away]);
    const running = assert.rejects(opened.run(), { name: "AbortError" });
    await until(() => opened.clock.sleeping === 1);
    opened.stop.abort();
    await running;
  });
});
