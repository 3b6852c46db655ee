import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { Code, StatusError } from "@finial/sdk";
import { Certificate, CertificateRequest, type PublicKey } from "@finial/sdk/crypto";
import { type Bundle, parseTrustDomain, type X509Authority } from "@finial/sdk/spiffe";
import { captureLog, FakeClock, type TestCa, testCa } from "@finial/sdk/testing";
import { fromWireCaJournal } from "../../kernel/convert/ca-journal.ts";
import { FakeDataStore, storeAway } from "../facade/fake-datastore.ts";
import { FakeKeyManager } from "../facade/fake-keymanager.ts";
import type { UpstreamAuthority } from "../facade/upstreamauthority.ts";
import { AuthorityKeeper } from "./authority-keeper.ts";
import { Composers } from "./compose.ts";
import { OwnBundle } from "./own-bundle.ts";

const trustDomain = parseTrustDomain("example.org");
const hsmAway = new StatusError(Code.Unavailable, "BROKEN", "keymanager(fake): the HSM is away");
const minuteMs = 60_000;
const caTtlMs = 60 * minuteMs;

/** What a server has to come back to: its keys, its store and its time. */
class Site {
  readonly clock = new FakeClock(new Date("2026-03-01T12:00:00.250Z"));
  readonly store = new FakeDataStore();
  readonly logger = captureLog();
  keyManager = new FakeKeyManager();
  upstream: UpstreamAuthority | undefined;
  disableJwtSvids = false;

  start(): Promise<AuthorityKeeper> {
    const { store, clock } = this;
    return AuthorityKeeper.start({
      store,
      keyManager: this.keyManager,
      upstream: this.upstream,
      bundle: new OwnBundle(store, trustDomain),
      surroundings: {
        settings: {
          trustDomain,
          caTtlMs,
          caSubject: { country: ["US"], organization: ["SPIFFE"] },
          x509SvidTtlMs: caTtlMs,
          agentX509SvidTtlMs: caTtlMs,
          jwtSvidTtlMs: 5 * minuteMs,
          jwtIssuer: undefined,
        },
        composers: new Composers([]),
        now: () => clock.now(),
      },
      caKeyType: "ec-p256",
      jwtKeyType: "ec-p256",
      disableJwtSvids: this.disableJwtSvids,
      clock,
      logger: this.logger,
    });
  }

  get bundle(): Bundle | undefined {
    return this.store.bundles.get(trustDomain.name);
  }

  get x509Ids(): string[] {
    return (this.bundle?.x509Authorities ?? []).map(({ certificateDer }) => idOf(certificateDer));
  }

  get jwtIds(): string[] {
    return (this.bundle?.jwtAuthorities ?? []).map(({ keyId }) => keyId);
  }

  get messages(): string[] {
    return this.logger.lines.map(({ message }) => message);
  }
}

/** Runs a keeper beside the test, until the block ends. */
function running(keeper: AuthorityKeeper): AsyncDisposable {
  const stop = new AbortController();
  const run = keeper.run(stop.signal);
  return {
    [Symbol.asyncDispose]: async () => {
      stop.abort();
      await run;
    },
  };
}

/** Keys are made on other threads, which no fake clock waits for. */
async function until(holds: () => boolean): Promise<void> {
  for (let attempt = 0; !holds(); attempt++) {
    assert.ok(attempt < 500, `never came true: ${holds}`);
    await sleep(2);
  }
}

function idOf(certificateDer: Buffer): string {
  return Certificate.parse(certificateDer).subjectKeyId?.toString("hex") ?? "";
}

const activeX509 = (keeper: AuthorityKeeper): string => idOf(keeper.getX509Ca().certificate.der);
const activeJwt = (keeper: AuthorityKeeper): string => keeper.getJwtKey().kid;

describe("AuthorityKeeper, by itself", () => {
  it("makes its first authorities, publishes and remembers them", async () => {
    const site = new Site();
    const keeper = await site.start();
    const { certificate } = keeper.getX509Ca();
    assert.deepEqual(site.x509Ids, [activeX509(keeper)]);
    assert.deepEqual(site.jwtIds, [activeJwt(keeper)]);
    assert.equal(certificate.notBefore.toISOString(), "2026-03-01T11:59:50.000Z");
    assert.equal(certificate.notAfter.toISOString(), "2026-03-01T13:00:00.000Z");
    const [journal] = site.store.journals.values();
    assert.equal(journal?.activeX509AuthorityId, activeX509(keeper));
    assert.equal(journal?.activeJwtAuthorityId, activeJwt(keeper));
  });

  it("takes up after a restart what it remembers", async () => {
    const site = new Site();
    const before = await site.start();
    const after = await site.start();
    assert.equal(activeX509(after), activeX509(before));
    assert.equal(activeJwt(after), activeJwt(before));
    assert.equal(site.x509Ids.length + site.jwtIds.length, 2);
    assert.equal(site.store.journals.size, 1);
  });

  it("makes new ones when its keys are gone, and leaves the other's journal alone", async () => {
    const site = new Site();
    const before = await site.start();
    site.keyManager = new FakeKeyManager();
    const after = await site.start();
    assert.notEqual(activeX509(after), activeX509(before));
    assert.notEqual(activeJwt(after), activeJwt(before));
    // What the lost keys have signed is trusted to its end.
    assert.deepEqual(site.x509Ids, [activeX509(before), activeX509(after)]);
    assert.deepEqual(
      [...site.store.journals.values()].map((journal) => journal.activeX509AuthorityId),
      [activeX509(before), activeX509(after)],
    );
  });

  it("replaces authorities at once when the key manager lost their keys while it runs, and says so", async () => {
    const site = new Site();
    const keeper = await site.start();
    await using _ = running(keeper);
    const before = [activeX509(keeper), activeJwt(keeper)];
    site.keyManager.loseKeys();
    await until(() => activeX509(keeper) !== before[0] && activeJwt(keeper) !== before[1]);
    // What was issued by the old ones is as good as it was.
    assert.deepEqual(site.x509Ids, [before[0], activeX509(keeper)]);
    assert.deepEqual(site.jwtIds, [before[1], activeJwt(keeper)]);
    await keeper.getX509Ca().key.sign(Buffer.from("message"), "SHA256");
    await keeper.getJwtKey().key.sign(Buffer.from("message"), "SHA256");
    const said = site.logger.lines.filter(({ level }) => level === "warn");
    assert.deepEqual(
      said.map(({ message, fields }) => [message, fields]),
      [
        [
          "Key manager came back without its keys: new authorities are prepared and activated at once",
          { keys: "x509-CA-A,JWT-Signer-A" },
        ],
      ],
    );
  });

  it("goes on trying to replace them while no key can be made", async () => {
    const site = new Site();
    const keeper = await site.start();
    await using _ = running(keeper);
    const before = activeX509(keeper);
    site.keyManager.failure = hsmAway;
    site.keyManager.loseKeys();
    await until(() => site.messages.includes("Unable to replace authorities whose keys are gone"));
    site.keyManager.failure = undefined;
    await site.clock.advance(1000);
    await until(() => activeX509(keeper) !== before);
  });

  describe("with the next ones prepared", () => {
    async function prepared(): Promise<{ readonly site: Site; readonly keeper: AuthorityKeeper }> {
      const site = new Site();
      const keeper = await site.start();
      await site.clock.advance(31 * minuteMs);
      await keeper.rotate();
      assert.deepEqual([site.x509Ids.length, site.jwtIds.length], [2, 2]);
      return { site, keeper };
    }

    it("replaces an X.509 CA once, though no JWT key can be made", async () => {
      const { site, keeper } = await prepared();
      await using _ = running(keeper);
      const { keyManager } = site;
      const generateKey = keyManager.generateKey.bind(keyManager);
      let failures = 0;
      keyManager.generateKey = async (id, type) => {
        if (!id.startsWith("JWT") || failures === 3) return await generateKey(id, type);
        failures++;
        throw hsmAway;
      };
      const before = activeJwt(keeper);
      keyManager.loseKeys();
      for (let failed = 1; failed <= 3; failed++) {
        await until(() => failures === failed);
        await site.clock.advance(1000);
      }
      await until(() => activeJwt(keeper) !== before);
      assert.equal(site.x509Ids.length, 3);
    });

    it("replaces them again when the new keys are lost while the last are being made", async () => {
      const { site, keeper } = await prepared();
      await using _ = running(keeper);
      const { keyManager } = site;
      const generateKey = keyManager.generateKey.bind(keyManager);
      let isFirst = true;
      keyManager.generateKey = async (id, type) => {
        if (id.startsWith("JWT") && isFirst) {
          isFirst = false;
          keyManager.loseKeys();
        }
        return await generateKey(id, type);
      };
      keyManager.loseKeys();
      await until(() => site.x509Ids.length === 4 && activeX509(keeper) === site.x509Ids[3]);
      await keeper.getX509Ca().key.sign(Buffer.from("message"), "SHA256");
    });
  });

  it("does not take up an authority that nobody trusts any more", async () => {
    const site = new Site();
    const before = await site.start();
    site.store.bundles.clear();
    // An empty store is a new one: what is remembered goes on.
    assert.equal(activeX509(await site.start()), activeX509(before));
    const other = await testCa();
    await site.store.setBundle(other.bundle);
    const after = await site.start();
    assert.notEqual(activeX509(after), activeX509(before));
    assert.notEqual(activeJwt(after), activeJwt(before));
  });

  it("does not take up what expired while it was away", async () => {
    const site = new Site();
    const before = await site.start();
    await site.clock.advance(caTtlMs + 1);
    const after = await site.start();
    assert.notEqual(activeX509(after), activeX509(before));
    assert.ok(
      site.logger.lines.some(
        ({ message, fields }) => message === "X509CA slot unusable" && fields.error === "slot expired",
      ),
    );
  });

  it("prepares the next at half of the life, and changes over at five sixths", async () => {
    const site = new Site();
    const keeper = await site.start();
    const [x509, jwt] = [activeX509(keeper), activeJwt(keeper)];
    await using _ = running(keeper);
    await site.clock.advance(29 * minuteMs);
    assert.deepEqual([site.x509Ids.length, site.jwtIds.length], [1, 1]);
    await site.clock.advance(minuteMs + 10_000);
    await until(() => site.messages.filter((message) => message === "JWT key prepared").length === 2);
    assert.deepEqual([site.x509Ids.length, site.jwtIds.length], [2, 2]);
    await site.clock.advance(19 * minuteMs + 40_000);
    assert.deepEqual([activeX509(keeper), activeJwt(keeper)], [x509, jwt]);
    await site.clock.advance(20_000);
    await until(() => activeJwt(keeper) !== jwt);
    assert.deepEqual([activeX509(keeper), activeJwt(keeper)], [site.x509Ids[1], site.jwtIds[1]]);
    const [journal] = site.store.journals.values();
    const { x509Cas, jwtKeys } = fromWireCaJournal(journal?.data ?? Buffer.alloc(0));
    assert.deepEqual(
      x509Cas.map(({ slotId, state }) => [slotId, state]),
      [
        ["A", "old"],
        ["B", "active"],
      ],
    );
    assert.deepEqual(
      jwtKeys.map(({ slotId, state }) => [slotId, state]),
      [
        ["A", "old"],
        ["B", "active"],
      ],
    );
  });

  it("takes up the prepared one after a restart, too", async () => {
    const site = new Site();
    const keeper = await site.start();
    {
      await using _ = running(keeper);
      await site.clock.advance(31 * minuteMs);
      await until(() => site.messages.filter((message) => message === "JWT key prepared").length === 2);
    }
    const again = await site.start();
    assert.equal(activeX509(again), site.x509Ids[0]);
    await using _ = running(again);
    await site.clock.advance(20 * minuteMs);
    await until(() => activeJwt(again) === site.jwtIds[1]);
    assert.equal(activeX509(again), site.x509Ids[1]);
    assert.equal(site.x509Ids.length, 2);
  });

  it("changes over at once when it comes back late", async () => {
    const site = new Site();
    await site.start();
    await site.clock.advance(55 * minuteMs);
    const keeper = await site.start();
    assert.equal(site.x509Ids.length, 2);
    assert.equal(activeX509(keeper), site.x509Ids[1]);
    assert.equal(activeJwt(keeper), site.jwtIds[1]);
  });

  it("signs on with what it has while no key can be made, and counts the failures", async () => {
    const site = new Site();
    const keeper = await site.start();
    const x509 = activeX509(keeper);
    await using _ = running(keeper);
    site.keyManager.failure = hsmAway;
    await site.clock.advance(30 * minuteMs + 20_000);
    assert.ok(keeper.failedRotations >= 4, `${keeper.failedRotations} failures`);
    assert.equal(activeX509(keeper), x509);
    assert.ok(
      site.logger.lines.some(
        ({ level, message, fields }) =>
          level === "error" &&
          message === "Unable to rotate X509 CA" &&
          fields.error === "keymanager(fake): the HSM is away",
      ),
    );
    site.keyManager.failure = undefined;
    await site.clock.advance(10_000);
    await until(() => keeper.failedRotations === 0);
    assert.equal(site.x509Ids.length, 2);
  });

  it("does not start without an X.509 authority", async () => {
    const site = new Site();
    site.keyManager.failure = hsmAway;
    await assert.rejects(site.start(), { reason: "BROKEN" });
    assert.equal(site.bundle, undefined);
  });

  it("makes no JWT key where there are to be none", async () => {
    const site = new Site();
    site.disableJwtSvids = true;
    const keeper = await site.start();
    assert.deepEqual(site.jwtIds, []);
    assert.throws(() => keeper.getJwtKey(), { message: "JWT key is not available for signing" });
    assert.equal(site.x509Ids.length, 1);
  });

  it("writes the journal whole with the next change, when a write failed", async () => {
    const site = new Site();
    const setCaJournal = site.store.setCaJournal.bind(site.store);
    let failures = 2;
    site.store.setCaJournal = (journal) =>
      failures-- > 0 ? Promise.reject(storeAway) : setCaJournal(journal);
    const keeper = await site.start();
    const [journal] = site.store.journals.values();
    const { x509Cas, jwtKeys } = fromWireCaJournal(journal?.data ?? Buffer.alloc(0));
    assert.deepEqual(
      [x509Cas.map(({ authorityId }) => authorityId), jwtKeys.map(({ kid }) => kid)],
      [[activeX509(keeper)], [activeJwt(keeper)]],
    );
  });
});

/** An upstream whose root a test holds, and can replace. */
class FakeUpstream implements UpstreamAuthority {
  readonly name = "fake";
  readonly published: string[] = [];
  takesJwtKeys = false;
  /** Makes the CA's certificate for another key than the one that asked. */
  otherKey: PublicKey | undefined;
  tell: (roots: readonly X509Authority[]) => void = () => {};
  ca: TestCa;

  constructor(ca: TestCa) {
    this.ca = ca;
  }

  /** Roots of before. */
  others: readonly X509Authority[] = [];

  get roots(): readonly X509Authority[] {
    return [...this.others, ...this.ca.bundle.x509Authorities];
  }

  mintX509Ca: UpstreamAuthority["mintX509Ca"] = async (csrDer, { preferredTtlSeconds, onRoots }) => {
    this.tell = onRoots;
    const request = CertificateRequest.parse(csrDer);
    const certificateDer = await this.ca.certify(this.otherKey ?? request.publicKey, {
      subject: request.subject,
      ttlSeconds: preferredTtlSeconds,
      extensions: Certificate.parse(this.ca.rootDer).extensions.filter(
        ({ oid }) => oid !== "2.5.29.14" && oid !== "2.5.29.35",
      ),
    });
    return { chainDer: [certificateDer], upstreamRoots: this.roots };
  };

  publishJwtKey: UpstreamAuthority["publishJwtKey"] = async (key) => {
    if (!this.takesJwtKeys)
      throw new StatusError(Code.Unimplemented, "UNIMPLEMENTED", "upstreamauthority(fake): not implemented");
    this.published.push(key.keyId);
    return [key];
  };

  async *watchLocalBundle(): ReturnType<UpstreamAuthority["watchLocalBundle"]> {
    yield* [];
  }
}

async function siteBelow(): Promise<Site & { upstream: FakeUpstream }> {
  const site = new Site();
  const upstream = new FakeUpstream(await testCa({ clock: site.clock }));
  return Object.assign(site, { upstream });
}

describe("AuthorityKeeper, below an upstream", () => {
  it("trusts the upstream's root, and sends its own CA along", async () => {
    const site = await siteBelow();
    const keeper = await site.start();
    const { certificate, upstreamChain } = keeper.getX509Ca();
    assert.deepEqual(
      upstreamChain.map(({ der }) => der),
      [certificate.der],
    );
    assert.deepEqual(site.bundle?.x509Authorities, site.upstream.roots);
    assert.equal(activeX509(await site.start()), activeX509(keeper));
  });

  it("keeps JWT keys to itself where the upstream takes none, and says so once", async () => {
    const site = await siteBelow();
    const keeper = await site.start();
    await using _ = running(keeper);
    await site.clock.advance(31 * minuteMs);
    await until(() => site.jwtIds.length === 2);
    const warnings = site.logger.lines.filter(({ level }) => level === "warn");
    assert.equal(warnings.length, 1);
    assert.match(warnings[0]?.message ?? "", /^UpstreamAuthority plugin does not take JWT keys: /);
  });

  it("publishes JWT keys where the upstream takes them", async () => {
    const site = await siteBelow();
    site.upstream.takesJwtKeys = true;
    const keeper = await site.start();
    assert.deepEqual(site.upstream.published, [activeJwt(keeper)]);
    assert.deepEqual(site.jwtIds, [activeJwt(keeper)]);
  });

  it("refuses a CA for another key", async () => {
    const site = await siteBelow();
    site.upstream.otherKey = site.upstream.ca.jwtPublicKey;
    await assert.rejects(site.start(), {
      message: "X509 CA minted by upstream authority is invalid: certificate public key does not match CSR",
    });
    assert.equal(site.bundle, undefined);
  });

  it("refuses a CA of another trust domain", async () => {
    const site = await siteBelow();
    site.upstream.ca = await testCa({ clock: site.clock, trustDomain: "other.org" });
    await assert.rejects(site.start(), {
      message:
        'X509 CA minted by upstream authority is invalid: invalid X509 CA: expected URI SAN "spiffe://example.org" but got [spiffe://other.org]',
    });
  });

  it("takes in new roots, and leaves a tainted one before it says so", async () => {
    const site = await siteBelow();
    const keeper = await site.start();
    const before = activeX509(keeper);
    await using _ = running(keeper);
    const [old] = site.upstream.roots;
    assert.ok(old);
    site.upstream.ca = await testCa({ clock: site.clock });
    let activeWhenTainted = "";
    const taint = site.store.taintX509Authority.bind(site.store);
    site.store.taintX509Authority = async (...args) => {
      activeWhenTainted = activeX509(keeper);
      await taint(...args);
    };
    site.upstream.others = [{ ...old, tainted: true }];
    site.upstream.tell(site.upstream.roots);
    await until(() => activeWhenTainted !== "");
    const after = activeX509(keeper);
    assert.notEqual(after, before);
    assert.equal(activeWhenTainted, after);
    await site.clock.advance(0);
    assert.deepEqual(
      site.bundle?.x509Authorities.map(({ tainted }) => tainted),
      [true, false],
    );
    // The same word again changes nothing.
    site.upstream.tell(site.upstream.roots);
    await site.clock.advance(0);
    assert.equal(activeX509(keeper), after);
    // A tainted root that the upstream has no more is revoked.
    site.upstream.others = [];
    site.upstream.tell(site.upstream.roots);
    await site.clock.advance(0);
    assert.deepEqual(site.bundle?.x509Authorities, site.upstream.roots);
  });

  it("stays where it is when another root than its own is tainted", async () => {
    const site = await siteBelow();
    const keeper = await site.start();
    const before = activeX509(keeper);
    await using _ = running(keeper);
    const [other] = (await testCa({ clock: site.clock })).bundle.x509Authorities;
    assert.ok(other);
    site.upstream.others = [other];
    site.upstream.tell(site.upstream.roots);
    await site.clock.advance(0);
    site.upstream.others = [{ ...other, tainted: true }];
    site.upstream.tell(site.upstream.roots);
    await site.clock.advance(0);
    assert.deepEqual(
      site.bundle?.x509Authorities.map(({ tainted }) => tainted),
      [false, true],
    );
    assert.equal(activeX509(keeper), before);
  });

  it("looks at the roots that come with a CA, too: one may be tainted or gone since the last", async () => {
    const site = await siteBelow();
    const [gone] = (await testCa({ clock: site.clock })).bundle.x509Authorities;
    assert.ok(gone);
    await site.store.setBundle({
      trustDomain,
      x509Authorities: [{ ...gone, tainted: true }],
      jwtAuthorities: [],
      refreshHintSeconds: 0,
      sequenceNumber: 1,
    });
    await using _ = running(await site.start());
    await site.clock.advance(0);
    assert.deepEqual(site.bundle?.x509Authorities, site.upstream.roots);
  });

  it("starts with what it has while the upstream is away, though it is time for the next, and gets it later", async () => {
    const site = await siteBelow();
    const before = await site.start();
    await site.clock.advance(55 * minuteMs);
    const { mintX509Ca } = site.upstream;
    site.upstream.mintX509Ca = () =>
      Promise.reject(new StatusError(Code.Unavailable, "AWAY", "upstreamauthority(fake): away"));
    const keeper = await site.start();
    assert.equal(activeX509(keeper), activeX509(before));
    assert.equal(keeper.failedRotations, 1);
    await using _ = running(keeper);
    site.upstream.mintX509Ca = mintX509Ca;
    await site.clock.advance(10_000);
    await until(() => activeX509(keeper) !== activeX509(before));
    assert.equal(keeper.failedRotations, 0);
  });

  it("does not start without a CA while the upstream is away", async () => {
    const site = await siteBelow();
    const away = new StatusError(Code.Unavailable, "AWAY", "upstreamauthority(fake): away");
    site.upstream.mintX509Ca = () => Promise.reject(away);
    await assert.rejects(site.start(), away);
  });

  it("does not sign with a JWT key that the upstream did not publish", async () => {
    const site = await siteBelow();
    site.upstream.takesJwtKeys = true;
    site.upstream.publishJwtKey = async () => [];
    await assert.rejects(site.start(), {
      code: Code.Internal,
      reason: "JWT_KEY_UNPUBLISHED",
      message: /^upstream authority did not publish the JWT key "[A-Za-z0-9]{32}"$/,
    });
    assert.deepEqual(site.jwtIds, []);
  });

  it("follows the upstream's local bundle from 5 s after the start, and opens it again when it breaks", async () => {
    const site = await siteBelow();
    const { bundle } = await testCa({ clock: site.clock });
    const opened: number[] = [];
    site.upstream.watchLocalBundle = async function* () {
      opened.push(site.clock.now().getTime());
      if (opened.length < 3) throw new StatusError(Code.Unavailable, "AWAY", "upstreamauthority(fake): away");
      yield bundle;
    };
    const keeper = await site.start();
    const start = site.clock.now().getTime();
    await using _ = running(keeper);
    await site.clock.advance(60_000);
    assert.deepEqual(
      opened.map((at) => (at - start) / 1000),
      [5, 10, 20],
    );
    const [root] = bundle.x509Authorities;
    assert.deepEqual(site.bundle?.x509Authorities, [...site.upstream.roots, root]);
    assert.deepEqual(site.jwtIds, [activeJwt(keeper), ...bundle.jwtAuthorities.map(({ keyId }) => keyId)]);
  });

  it("goes on trying to follow while the store is away, and stops at once when told to", async () => {
    const site = await siteBelow();
    const keeper = await site.start();
    const stop = new AbortController();
    const run = keeper.run(stop.signal);
    site.store.away = true;
    site.upstream.tell(site.upstream.roots);
    await until(() => site.messages.includes("Failed to follow the upstream authority's roots"));
    stop.abort();
    await run;
  });
});
