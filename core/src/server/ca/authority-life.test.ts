import assert from "node:assert/strict";
import { before, describe, it } from "node:test";
import { Code, StatusError } from "@finial/sdk";
import { Certificate, generatePrivateKey, PublicKey } from "@finial/sdk/crypto";
import { parseSpiffeId, parseTrustDomain, verifyJwtSvid, verifyX509Svid } from "@finial/sdk/spiffe";
import { captureLog, FakeClock } from "@finial/sdk/testing";
import fc from "fast-check";
import { fromWireCaJournal } from "../../kernel/convert/ca-journal.ts";
import { FakeDataStore } from "../facade/fake-datastore.ts";
import { FakeKeyManager } from "../facade/fake-keymanager.ts";
import { authorityIdOf } from "./authorities.ts";
import { AuthorityKeeper } from "./authority-keeper.ts";
import { fakeSurroundings } from "./fake-authorities.ts";
import { JwtSvidIssuer } from "./jwt-svid-issuer.ts";
import { OwnBundle } from "./own-bundle.ts";
import { X509SvidIssuer } from "./x509-svid-issuer.ts";

const trustDomain = parseTrustDomain("example.org");
const db = parseSpiffeId("spiffe://example.org/db");
const hourMs = 3_600_000;
const away = new StatusError(Code.Unavailable, "AWAY", "keymanager(fake): away");

let publicKey: PublicKey;
before(async () => {
  publicKey = PublicKey.of(await generatePrivateKey("ec-p256"));
});

/** What can befall a server. */
type Event =
  | { readonly kind: "run"; readonly hours: number }
  /** As a suspended machine, or a stopped process. */
  | { readonly kind: "sleep"; readonly hours: number }
  | { readonly kind: "restart" }
  | { readonly kind: "keyManager" | "store" | "journal"; readonly works: boolean }
  | { readonly kind: "loseKey"; readonly id: string };

const event: fc.Arbitrary<Event> = fc.oneof(
  {
    weight: 6,
    arbitrary: fc.record({ kind: fc.constant("run" as const), hours: fc.integer({ min: 1, max: 30 }) }),
  },
  {
    weight: 1,
    arbitrary: fc.record({ kind: fc.constant("sleep" as const), hours: fc.integer({ min: 1, max: 60 }) }),
  },
  { weight: 3, arbitrary: fc.record({ kind: fc.constant("restart" as const) }) },
  {
    weight: 3,
    arbitrary: fc.record({
      kind: fc.constantFrom("keyManager" as const, "store" as const, "journal" as const),
      works: fc.boolean(),
    }),
  },
  {
    weight: 1,
    arbitrary: fc.record({
      kind: fc.constant("loseKey" as const),
      id: fc.constantFrom("x509-CA-A", "x509-CA-B", "JWT-Signer-A", "JWT-Signer-B"),
    }),
  },
);

/** A server through whatever befalls it, looked at after each event. */
class Life {
  readonly clock = new FakeClock();
  readonly store = new FakeDataStore();
  readonly keyManager = new FakeKeyManager();
  readonly log = captureLog();
  keeper: AuthorityKeeper | undefined;
  /** Nothing went wrong in this run of the server. */
  smooth = false;
  /** When each authority was first seen in the bundle, and first seen signing. */
  readonly published = new Map<string, number>();
  readonly signing = new Map<string, number>();
  #lastSigners: readonly string[] = [];
  #lastTrouble = Number.NEGATIVE_INFINITY;
  #journalWorks = true;

  async start(): Promise<void> {
    this.smooth = this.#allWorks() && this.#journalWorks;
    this.#lookForTrouble();
    try {
      this.keeper = await AuthorityKeeper.start({
        store: this.store,
        keyManager: this.keyManager,
        upstream: undefined,
        bundle: new OwnBundle(this.store, trustDomain),
        surroundings: fakeSurroundings({ trustDomain }, this.clock),
        caKeyType: "ec-p256",
        jwtKeyType: "ec-p256",
        disableJwtSvids: false,
        clock: this.clock,
        logger: this.log,
      });
    } catch (error) {
      this.keeper = undefined;
      assert.ok(!this.#allWorks(), `it did not start: ${String(error)}`);
    }
  }

  async befall(happening: Event): Promise<void> {
    await this.#befall(happening);
    this.#lookForTrouble();
  }

  async #befall(happening: Event): Promise<void> {
    switch (happening.kind) {
      case "run":
        for (let hour = 0; hour < happening.hours; hour++) {
          await this.clock.advance(hourMs);
          await this.keeper?.rotate().catch(() => assert.ok(!this.#allWorks(), "a rotation failed"));
          this.#lookAtWhoSigns();
        }
        return;
      case "sleep":
        this.smooth = false;
        await this.clock.advance(happening.hours * hourMs);
        await this.keeper?.rotate().catch(() => undefined);
        return;
      case "restart":
        await this.start();
        return;
      case "keyManager":
        this.smooth &&= happening.works;
        this.keyManager.failure = happening.works ? undefined : away;
        return;
      case "store":
        this.smooth &&= happening.works;
        this.store.away = !happening.works;
        return;
      case "journal":
        this.smooth &&= happening.works;
        this.#journalWorks = happening.works;
        if (happening.works) this.store.work();
        else this.store.fail("setCaJournal");
        return;
      case "loseKey":
        // A key manager that loses keys is one of another machine: the server begins anew with it.
        this.keyManager.keys.delete(happening.id);
        await this.start();
        this.smooth = false;
    }
  }

  #lookForTrouble(): void {
    if (!this.smooth) this.#lastTrouble = this.clock.now().getTime();
  }

  #allWorks(): boolean {
    return this.keyManager.failure === undefined && !this.store.away;
  }

  get bundle() {
    const { x509Authorities = [], jwtAuthorities = [] } = this.store.bundles.get(trustDomain.name) ?? {};
    return {
      anchors: x509Authorities.map(({ certificateDer }) => Certificate.parse(certificateDer)),
      jwtAuthorities,
    };
  }

  /** What must hold, whatever has happened. */
  async look(): Promise<void> {
    this.#lookAtWhoSigns();
    if (this.keeper === undefined) return;
    await this.#lookAtX509(this.keeper);
    await this.#lookAtJwt(this.keeper);
  }

  #lookAtWhoSigns(): void {
    if (this.keeper === undefined) return;
    const { anchors, jwtAuthorities } = this.bundle;
    const x509Id = authorityIdOf(this.keeper.getX509Ca().certificate.subjectKeyId);
    const signers = [x509Id, this.keeper.getJwtKey().kid];
    const trusted = [
      ...anchors.map(({ subjectKeyId }) => authorityIdOf(subjectKeyId)),
      ...jwtAuthorities.map(({ keyId }) => keyId),
    ];
    for (const id of signers) assert.ok(trusted.includes(id), `${id} signs and is not published`);
    this.#lookAtLeadTimes(signers, trusted, this.clock.now().getTime());
    this.#lookAtJournal(signers);
  }

  /** An authority is known for a third of its life before it signs, if nothing went wrong in the life of the one before it. */
  #lookAtLeadTimes(signers: readonly string[], trusted: readonly string[], now: number): void {
    for (const id of trusted) if (!this.published.has(id)) this.published.set(id, now);
    for (const [kind, id] of signers.entries()) {
      const last = this.#lastSigners[kind];
      if (this.signing.has(id)) continue;
      this.signing.set(id, now);
      const knownForMs = now - (this.published.get(id) ?? now);
      const before = last === undefined ? undefined : this.published.get(last);
      if (before !== undefined && before > this.#lastTrouble && this.smooth)
        assert.ok(knownForMs >= 7 * hourMs, `${id} was known for ${knownForMs / hourMs} hours only`);
    }
    this.#lastSigners = signers;
  }

  /** What is issued verifies; nothing is issued that would not. */
  async #lookAtX509(keeper: AuthorityKeeper): Promise<void> {
    const now = this.clock.now();
    const { notAfter } = keeper.getX509Ca().certificate;
    const issuer = new X509SvidIssuer(keeper, fakeSurroundings({ trustDomain }, this.clock));
    try {
      const { chainDer } = await issuer.issueToWorkload({ id: db, publicKey, dnsNames: [], ttlMs: 0 });
      assert.ok(now <= notAfter, "an expired CA has signed");
      verifyX509Svid({ chainDer, anchorsOf: () => this.bundle.anchors, now });
    } catch (error) {
      const { reason } = StatusError.from(error);
      if (reason === "AWAY") assert.ok(this.keyManager.failure);
      else if (reason === "X509_SVID_INVALID") assert.ok(now > notAfter);
      else throw error;
      assert.ok(!this.smooth, `nothing went wrong, and yet: ${reason}`);
    }
  }

  async #lookAtJwt(keeper: AuthorityKeeper): Promise<void> {
    const now = this.clock.now();
    const { notAfter } = keeper.getJwtKey();
    const issuer = new JwtSvidIssuer(keeper, fakeSurroundings({ trustDomain }, this.clock));
    try {
      const { token } = await issuer.issue({ id: db, audience: ["web"], ttlMs: 0, includeJti: false });
      assert.ok(now < notAfter, "an expired key has signed");
      const keyOf = ({ keyId }: { readonly keyId: string }): PublicKey | undefined => {
        const authority = this.bundle.jwtAuthorities.find((each) => each.keyId === keyId);
        return authority && PublicKey.parse(authority.publicKeyPkixDer);
      };
      verifyJwtSvid(token, { audience: ["web"], keyOf, now });
    } catch (error) {
      const { reason } = StatusError.from(error);
      if (reason === "AWAY") assert.ok(this.keyManager.failure);
      else if (reason === "JWT_SVID_INVALID") assert.ok(now >= notAfter);
      else throw error;
      assert.ok(!this.smooth, `nothing went wrong, and yet: ${reason}`);
    }
  }

  /** The journal says who signs, and is found by it. */
  #lookAtJournal(signers: readonly string[]): void {
    if (!this.smooth) return;
    const journal = [...this.store.journals.values()].find(
      ({ activeX509AuthorityId }) => activeX509AuthorityId === signers[0],
    );
    assert.ok(journal, "the journal would not be found");
    const { x509Cas, jwtKeys } = fromWireCaJournal(journal.data);
    const active = <T extends { readonly state: string; readonly authorityId: string }>(
      records: readonly T[],
    ) => records.findLast(({ state }) => state === "active")?.authorityId;
    assert.deepEqual(
      [active(x509Cas), active(jwtKeys), journal.activeJwtAuthorityId],
      [...signers, signers[1]],
    );
  }
}

describe("the authorities of a server", () => {
  it("are one of each kind, published and not expired, whatever befalls it", async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(event, { minLength: 1, maxLength: 12 }), async (events) => {
        const life = new Life();
        await life.start();
        await life.look();
        for (const happening of events) {
          await life.befall(happening);
          await life.look();
        }
      }),
      { numRuns: 20 },
    );
  });

  it("are changed without a gap over a fortnight, each in its turn", async () => {
    const life = new Life();
    await life.start();
    await life.befall({ kind: "run", hours: 14 * 24 });
    // The first after 20 h, each of the others 12 h after the last one but one was made: see the slots.
    assert.equal(life.signing.size / 2, 1 + Math.floor((14 * 24 - 20 - 1) / 12) + 1);
    assert.equal(life.log.lines.filter(({ level }) => level === "error" || level === "warn").length, 0);
  });

  it("are the same after a restart at any hour of their lives", async () => {
    const life = new Life();
    await life.start();
    for (let hour = 0; hour < 60; hour++) {
      const keeper = life.keeper;
      assert.ok(keeper);
      const before = [keeper.getX509Ca().certificate.der, keeper.getJwtKey().kid];
      await life.start();
      const again = life.keeper;
      assert.deepEqual([again?.getX509Ca().certificate.der, again?.getJwtKey().kid], before);
      await life.befall({ kind: "run", hours: 1 });
    }
    assert.equal(life.store.journals.size, 1);
  });

  it("are found after a kill between any two writes of a change-over", async () => {
    for (let writes = 0; writes < 6; writes++) {
      const life = new Life();
      await life.start();
      await life.befall({ kind: "run", hours: 19 });
      const [prepared] = life.bundle.anchors.slice(1);
      const { setCaJournal } = life.store;
      let left = writes;
      life.smooth = false;
      life.store.setCaJournal = (journal) =>
        left-- > 0 ? setCaJournal.call(life.store, journal) : Promise.reject(away);
      await life.befall({ kind: "run", hours: 2 });
      life.store.setCaJournal = setCaJournal;
      await life.start();
      assert.deepEqual(life.keeper?.getX509Ca().certificate.der, prepared?.der, `after ${writes} writes`);
      assert.equal(life.store.journals.size, 1);
    }
  });
});
