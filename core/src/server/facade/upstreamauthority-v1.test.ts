import assert from "node:assert/strict";
import { before, describe, it } from "node:test";
import { Code, definePlugin, type Handlers, StatusError } from "@finial/sdk";
import { UpstreamAuthority } from "@finial/sdk/server";
import type { JwtAuthority, X509Authority } from "@finial/sdk/spiffe";
import { loadPlugin, type TestCa, testCa } from "@finial/sdk/testing";
import type { ClientOf } from "../../kernel/catalog/bound-plugin.ts";
import { bindUpstreamAuthorityV1 } from "./upstreamauthority-v1.ts";

type Service = Partial<Handlers<(typeof UpstreamAuthority)["definition"]>>;

let ca: TestCa;
let jwtKey: JwtAuthority;
const csr = Buffer.from("csr");

before(async () => {
  ca = await testCa();
  const [authority] = ca.bundle.jwtAuthorities;
  jwtKey = authority ?? assert.fail();
});

async function bound(service: Service) {
  const plugin = definePlugin({ type: UpstreamAuthority, name: "test", open: () => ({ service }) });
  const loaded = await loadPlugin(plugin);
  return {
    upstream: bindUpstreamAuthorityV1(loaded),
    [Symbol.asyncDispose]: () => loaded[Symbol.asyncDispose](),
  };
}

const wireRoot = (tainted = false) => ({ asn1: ca.rootDer, tainted });
const wireKey = () => ({ keyId: jwtKey.keyId, publicKey: jwtKey.publicKeyPkixDer });

async function until(holds: () => boolean): Promise<void> {
  for (let turn = 0; !holds(); turn++) {
    assert.ok(turn < 20_000, "it never came");
    await new Promise(setImmediate);
  }
}

function refused(promise: Promise<unknown>, code: Code, message: string): Promise<void> {
  return assert.rejects(promise, (error) => {
    const status = StatusError.from(error);
    assert.deepEqual([status.code, status.message], [code, `upstreamauthority(test): ${message}`]);
    return true;
  });
}

describe("bindUpstreamAuthorityV1(), mintX509Ca()", () => {
  const mint = (
    { upstream }: Awaited<ReturnType<typeof bound>>,
    onRoots: (roots: readonly X509Authority[]) => void = () => undefined,
  ) => upstream.mintX509Ca(csr, { preferredTtlSeconds: 60, onRoots });

  it("gives the first answer, and tells of the roots that come later", async () => {
    const asked: unknown[] = [];
    const { promise: later, resolve: goOn } = Promise.withResolvers<void>();
    await using at = await bound({
      mintX509CAAndSubscribe: async function* (request) {
        asked.push(request);
        yield { x509CaChain: [{ asn1: Buffer.from("ca") }], upstreamX509Roots: [wireRoot()] };
        await later;
        // What cannot be read is passed over.
        yield { upstreamX509Roots: [{ asn1: Buffer.from("x") }] };
        yield { upstreamX509Roots: [] };
        yield { upstreamX509Roots: [wireRoot(true)] };
      },
    });
    const told: (readonly X509Authority[])[] = [];
    assert.deepEqual(await mint(at, (roots) => told.push(roots)), {
      chainDer: [Buffer.from("ca")],
      upstreamRoots: [{ certificateDer: ca.rootDer, tainted: false }],
    });
    assert.deepEqual(asked, [{ csr, preferredTtl: 60 }]);
    goOn();
    await until(() => told.length > 0);
    assert.deepEqual(told, [[{ certificateDer: ca.rootDer, tainted: true }]]);
  });

  it("ends the last stream when it asks again", async () => {
    let open = 0;
    await using at = await bound({
      mintX509CAAndSubscribe: async function* (_, { signal }) {
        open++;
        try {
          yield { x509CaChain: [{ asn1: Buffer.from("ca") }], upstreamX509Roots: [wireRoot()] };
          await new Promise((resolve) => signal.addEventListener("abort", resolve, { once: true }));
        } finally {
          open--;
        }
      },
    });
    await mint(at);
    await mint(at);
    await until(() => open === 1);
  });

  const answers: readonly [title: string, answer: () => object | undefined, message: string][] = [
    ["nothing", () => undefined, "plugin closed stream unexpectedly"],
    ["no chain", () => ({ upstreamX509Roots: [wireRoot()] }), "plugin response missing X.509 CA chain"],
    [
      "no roots",
      () => ({ x509CaChain: [{ asn1: Buffer.from("ca") }] }),
      "plugin response missing upstream X.509 roots",
    ],
    [
      "roots that are none",
      () => ({ x509CaChain: [{ asn1: Buffer.from("ca") }], upstreamX509Roots: [{ asn1: Buffer.from("x") }] }),
      "plugin response has malformed upstream X.509 roots: malformed certificate: expected tag 0x30, found 0x78",
    ],
  ];
  for (const [title, answer, message] of answers) {
    it(`distrusts ${title}, and leaves no stream open`, async () => {
      let open = 0;
      await using at = await bound({
        mintX509CAAndSubscribe: async function* (_, { signal }) {
          const first = answer();
          if (first === undefined) return;
          open++;
          yield first;
          await new Promise((resolve) => signal.addEventListener("abort", resolve, { once: true }));
          open--;
        },
      });
      await refused(mint(at), Code.Internal, message);
      await until(() => open === 0);
    });
  }

  it("passes on what the plugin says", async () => {
    await using at = await bound({
      mintX509CAAndSubscribe: async function* () {
        throw new StatusError(Code.PermissionDenied, "NO", "not you");
      },
    });
    await refused(mint(at), Code.PermissionDenied, "not you");
  });
});

describe("bindUpstreamAuthorityV1(), when the plugin's process is replaced", () => {
  it("asks again for later roots, and has no use for the certificate that comes with them", async () => {
    const asked: Buffer[] = [];
    const ended = new StatusError(Code.Unavailable, "PLUGIN_EXITED", "plugin ended while it was asked");
    const client = (() => ({
      mintX509CAAndSubscribe: async function* (
        { csr }: { csr: Buffer },
        { signal }: { signal: AbortSignal },
      ) {
        asked.push(csr);
        yield { x509CaChain: [wireRoot()], upstreamX509Roots: [wireRoot()] };
        if (asked.length < 3) throw ended;
        await new Promise((resolve) => signal.addEventListener("abort", resolve, { once: true }));
        throw new StatusError(Code.Cancelled, "CANCELLED", "context canceled");
      },
    })) as unknown as ClientOf;
    const upstream = bindUpstreamAuthorityV1({ name: "test", services: new Set(), client });
    let told = 0;
    const options = { preferredTtlSeconds: 1, onRoots: () => told++ };
    await upstream.mintX509Ca(Buffer.from("csr"), options);
    await until(() => told === 2);
    assert.deepEqual(asked, Array(3).fill(Buffer.from("csr")));
    // What is asked for now takes the place of it all.
    await upstream.mintX509Ca(Buffer.from("other"), options);
    assert.deepEqual(asked.slice(3), [Buffer.from("other")]);
  });
});

describe("bindUpstreamAuthorityV1(), publishJwtKey()", () => {
  it("publishes the key, gives all there are, and tells of those that come later", async () => {
    const asked: string[] = [];
    await using at = await bound({
      publishJWTKeyAndSubscribe: async function* (request) {
        asked.push(request.jwtKey?.keyId ?? "");
        yield { upstreamJwtKeys: [wireKey()] };
        yield { upstreamJwtKeys: [{ ...wireKey(), keyId: "another" }] };
      },
    });
    const told: (readonly JwtAuthority[])[] = [];
    const options = { onKeys: (keys: readonly JwtAuthority[]) => told.push(keys), limitMs: 10_000 };
    assert.deepEqual(await at.upstream.publishJwtKey(jwtKey, options), [jwtKey]);
    assert.deepEqual(asked, [jwtKey.keyId]);
    await until(() => told.length > 0);
    assert.deepEqual(told, [[{ ...jwtKey, keyId: "another" }]]);
  });

  it("does not wait longer than it is told to, and says so", async (test) => {
    let open = 0;
    await using at = await bound({
      publishJWTKeyAndSubscribe: async function* (_, { signal }) {
        open++;
        await new Promise((resolve) => signal.addEventListener("abort", resolve, { once: true }));
        open--;
      },
    });
    test.mock.timers.enable({ apis: ["setTimeout"] });
    const publishing = at.upstream.publishJwtKey(jwtKey, { onKeys: () => assert.fail(), limitMs: 5000 });
    await until(() => open === 1);
    test.mock.timers.tick(5000);
    await refused(publishing, Code.DeadlineExceeded, "upstream authority did not answer within 5 seconds");
    await until(() => open === 0);
  });

  it("does not end a stream because time passes after the first answer", async (test) => {
    const { promise: later, resolve: goOn } = Promise.withResolvers<void>();
    await using at = await bound({
      publishJWTKeyAndSubscribe: async function* () {
        yield { upstreamJwtKeys: [wireKey()] };
        await later;
        yield { upstreamJwtKeys: [wireKey()] };
      },
    });
    test.mock.timers.enable({ apis: ["setTimeout"] });
    let told = 0;
    await at.upstream.publishJwtKey(jwtKey, { onKeys: () => told++, limitMs: 5000 });
    test.mock.timers.tick(5000);
    goOn();
    await until(() => told === 1);
  });

  const answers: readonly [title: string, key: () => object, message: string][] = [
    [
      "a key without an ID",
      () => ({ ...wireKey(), keyId: "" }),
      "plugin response invalid upstream JWT keys: missing key ID",
    ],
    [
      "what is no key",
      () => ({ ...wireKey(), publicKey: Buffer.from("x") }),
      "plugin response invalid upstream JWT keys: malformed public key",
    ],
  ];
  for (const [title, key, message] of answers) {
    it(`distrusts ${title}`, async () => {
      await using at = await bound({
        publishJWTKeyAndSubscribe: async function* () {
          yield { upstreamJwtKeys: [key()] };
        },
      });
      const publishing = at.upstream.publishJwtKey(jwtKey, { onKeys: () => undefined, limitMs: 10_000 });
      await refused(publishing, Code.Internal, message);
    });
  }

  it("says that the plugin takes no keys by its code", async () => {
    await using at = await bound({});
    const publishing = at.upstream.publishJwtKey(jwtKey, { onKeys: () => undefined, limitMs: 10_000 });
    await assert.rejects(publishing, { code: Code.Unimplemented });
  });
});

describe("bindUpstreamAuthorityV1(), watchLocalBundle()", () => {
  it("gives each bundle, until it is left", async () => {
    let open = 0;
    await using at = await bound({
      subscribeToLocalBundle: async function* (_, { signal }) {
        open++;
        yield { upstreamX509Roots: [wireRoot()], upstreamJwtKeys: [wireKey()] };
        await new Promise((resolve) => signal.addEventListener("abort", resolve, { once: true }));
        open--;
      },
    });
    const stop = new AbortController();
    const bundles: unknown[] = [];
    for await (const bundle of at.upstream.watchLocalBundle({ signal: stop.signal })) {
      bundles.push(bundle);
      stop.abort();
    }
    assert.deepEqual(bundles, [
      { x509Authorities: [{ certificateDer: ca.rootDer, tainted: false }], jwtAuthorities: [jwtKey] },
    ]);
    await until(() => open === 0);
  });

  it("ends at once where the plugin does not offer it", async () => {
    await using at = await bound({});
    const { signal } = new AbortController();
    assert.deepEqual(await Array.fromAsync(at.upstream.watchLocalBundle({ signal })), []);
  });

  it("fails as the plugin does, by its name", async () => {
    await using at = await bound({
      subscribeToLocalBundle: async function* () {
        throw new StatusError(Code.Unavailable, "AWAY", "away");
      },
    });
    const { signal } = new AbortController();
    await refused(Array.fromAsync(at.upstream.watchLocalBundle({ signal })), Code.Unavailable, "away");
  });
});
