import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { Code, StatusError } from "@finial/sdk";
import { generatePrivateKey } from "@finial/sdk/crypto";
import { captureLog } from "@finial/sdk/testing";
import { fromWireCaJournal, type JwtKeyRecord, type X509CaRecord } from "../../kernel/convert/ca-journal.ts";
import { FakeDataStore } from "../facade/fake-datastore.ts";
import { FakeKeyManager } from "../facade/fake-keymanager.ts";
import { authorityIdOf } from "./authorities.ts";
import { Journal } from "./journal.ts";

const issuedAt = new Date("2026-01-01T00:00:00Z");
const notAfter = new Date("2026-01-02T00:00:00Z");

function x509Ca(authorityId: string, slotId = "A"): X509CaRecord {
  return {
    slotId,
    issuedAt,
    notAfter,
    certificateDer: Buffer.from(authorityId),
    upstreamChainDer: [],
    state: "prepared",
    authorityId,
    upstreamAuthorityId: "",
  };
}

function jwtKey(kid: string): JwtKeyRecord {
  return {
    slotId: "A",
    issuedAt,
    notAfter,
    kid,
    publicKeyPkixDer: Buffer.from(kid),
    state: "prepared",
    authorityId: kid,
  };
}

async function site() {
  const store = new FakeDataStore();
  const keyManager = new FakeKeyManager();
  const logger = captureLog();
  const load = () => Journal.load(store, keyManager, logger);
  /** The ID of the authority that a new key would be. */
  const newAuthority = async (slot: string): Promise<string> => {
    const { publicKey } = await keyManager.generateKey(`x509-CA-${slot}`, "ec-p256");
    return authorityIdOf(publicKey.subjectKeyId);
  };
  return { store, keyManager, logger, load, newAuthority };
}

describe("Journal", () => {
  it("is not saved before an X.509 authority signs, and whole then", async () => {
    const { store, load } = await site();
    const journal = await load();
    await journal.addX509Ca(x509Ca("a"));
    await journal.addJwtKey(jwtKey("k"));
    assert.equal(store.journals.size, 0);
    await journal.setX509CaState("a", "active");
    await journal.setJwtKeyState("k", "active");
    const [saved] = store.journals.values();
    assert.deepEqual([saved?.activeX509AuthorityId, saved?.activeJwtAuthorityId], ["a", "k"]);
    assert.deepEqual(fromWireCaJournal(saved?.data ?? Buffer.alloc(0)), {
      x509Cas: [{ ...x509Ca("a"), state: "active" }],
      jwtKeys: [{ ...jwtKey("k"), state: "active" }],
      witKeys: [],
    });
  });

  it("is found again by the keys there are, among those of other servers, at every step of a change-over", async () => {
    const { store, keyManager, load, newAuthority } = await site();
    store.journals.set(77, {
      id: 77,
      data: Buffer.alloc(0),
      activeX509AuthorityId: "of another server",
      activeJwtAuthorityId: "",
    });
    const journal = await load();
    const found = async (): Promise<string[]> => {
      const { records } = await load();
      return records.x509Cas.map(({ slotId, state }) => `${slotId} ${state}`);
    };
    assert.deepEqual(await found(), []);
    const a = await newAuthority("A");
    await journal.addX509Ca(x509Ca(a, "A"));
    await journal.setX509CaState(a, "active");
    assert.deepEqual(await found(), ["A active"]);
    const b = await newAuthority("B");
    assert.deepEqual(await found(), ["A active"]);
    await journal.addX509Ca(x509Ca(b, "B"));
    assert.deepEqual(await found(), ["A active", "B prepared"]);
    await journal.setX509CaState(a, "old");
    // Killed here, it must be found: no record is active.
    assert.deepEqual(await found(), ["A old", "B prepared"]);
    await journal.setX509CaState(b, "active");
    await keyManager.generateKey("x509-CA-A", "ec-p256");
    assert.deepEqual(await found(), ["A old", "B active"]);
    assert.equal(store.journals.size, 2);
  });

  it("is found as one of a server that has just been taken over in the middle of a change", async () => {
    const { store, load, newAuthority } = await site();
    const before = await load();
    const a = await newAuthority("A");
    await before.addX509Ca(x509Ca(a, "A"));
    await before.setX509CaState(a, "active");
    const b = await newAuthority("B");
    await before.addX509Ca(x509Ca(b, "B"));
    await before.setX509CaState(a, "old");
    const after = await load();
    await after.addJwtKey(jwtKey("k"));
    assert.deepEqual(
      [...store.journals.values()].map(({ activeX509AuthorityId }) => activeX509AuthorityId),
      [a],
    );
  });

  it("remembers the newest ten of each kind", async () => {
    const { store, load } = await site();
    const journal = await load();
    await journal.addX509Ca(x509Ca("0"));
    await journal.setX509CaState("0", "active");
    for (let count = 1; count <= 15; count++) {
      await journal.addX509Ca(x509Ca(`${count}`));
      await journal.addJwtKey(jwtKey(`${count}`));
    }
    const [saved] = store.journals.values();
    const { x509Cas, jwtKeys } = fromWireCaJournal(saved?.data ?? Buffer.alloc(0));
    const newest = Array.from({ length: 10 }, (_, index) => `${index + 6}`);
    assert.deepEqual(
      [x509Cas.map(({ authorityId }) => authorityId), jwtKeys.map(({ kid }) => kid)],
      [newest, newest],
    );
  });

  it("saves in order, however long a save takes, and goes on after one that failed", async () => {
    const { store, load } = await site();
    const journal = await load();
    await journal.addX509Ca(x509Ca("a"));
    await journal.setX509CaState("a", "active");
    const { reached, release } = store.hold("setCaJournal");
    const slow = journal.addX509Ca(x509Ca("b"));
    await reached;
    const fast = journal.addX509Ca(x509Ca("c"));
    await new Promise(setImmediate);
    release();
    await Promise.all([slow, fast]);
    const savedIds = (): string[] => {
      const [saved] = store.journals.values();
      const { x509Cas } = fromWireCaJournal(saved?.data ?? Buffer.alloc(0));
      return x509Cas.map(({ authorityId }) => authorityId);
    };
    assert.deepEqual(savedIds(), ["a", "b", "c"]);
    store.fail("setCaJournal");
    await assert.rejects(journal.addX509Ca(x509Ca("d")), { code: Code.Unavailable });
    store.work();
    await journal.addX509Ca(x509Ca("e"));
    assert.deepEqual(savedIds(), ["a", "b", "c", "d", "e"]);
  });

  it("is refused, by its number, when it cannot be read", async () => {
    const { store, load, newAuthority } = await site();
    const activeX509AuthorityId = await newAuthority("A");
    const data = Buffer.from("ffffffff", "hex");
    store.journals.set(7, { id: 7, data, activeX509AuthorityId, activeJwtAuthorityId: "" });
    await assert.rejects(load(), (error) => {
      const { code, reason, message } = StatusError.from(error);
      assert.deepEqual([code, reason], [Code.Internal, "CA_JOURNAL_MALFORMED"]);
      assert.match(message, /^unable to unmarshal entries from CA journal record 7: /);
      return true;
    });
    assert.equal(store.journals.get(7)?.data, data);
  });

  it("passes on what the key manager and the store say", async () => {
    const { store, keyManager, load, newAuthority } = await site();
    await newAuthority("A");
    store.fail("findCaJournal");
    await assert.rejects(load(), { code: Code.Unavailable, message: "datastore-fake: away" });
    keyManager.failure = new StatusError(Code.Unavailable, "AWAY", "keymanager(fake): away");
    await assert.rejects(load(), keyManager.failure);
  });

  it("is not mistaken for another's by a key that is no authority", async () => {
    const { keyManager, load } = await site();
    keyManager.keys.set("JWT-Signer-A", await generatePrivateKey("ec-p256"));
    assert.deepEqual((await load()).records, { x509Cas: [], jwtKeys: [], witKeys: [] });
  });
});
