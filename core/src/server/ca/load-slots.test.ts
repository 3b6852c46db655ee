import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { Code, StatusError } from "@finial/sdk";
import type { Bundle } from "@finial/sdk/spiffe";
import { captureLog, FakeClock, testCa } from "@finial/sdk/testing";
import type { JwtKeyRecord, X509CaRecord } from "../../kernel/convert/ca-journal.ts";
import { FakeKeyManager } from "../facade/fake-keymanager.ts";
import { authorityIdOf } from "./authorities.ts";
import { keyIds, type LoadSlotsOptions, loadJwtKeySlots, loadX509CaSlots } from "./load-slots.ts";

const now = new Date("2026-01-01T00:00:00Z");

/** A server with a CA and a JWT key in each slot, A the older, all trusted. */
async function site(hasUpstream = false) {
  const ca = await testCa({ clock: new FakeClock(now) });
  const keyManager = new FakeKeyManager();
  const logger = captureLog();
  const x509Cas: X509CaRecord[] = [];
  const jwtKeys: JwtKeyRecord[] = [];
  for (const slotId of ["A", "B"] as const) {
    const { chainDer, privateKey } = await ca.intermediate(slotId);
    keyManager.keys.set(keyIds.x509Ca(slotId), privateKey);
    const { publicKey } = await keyManager.generateKey(keyIds.jwtKey(slotId), "ec-p256");
    const [certificateDer = Buffer.alloc(0)] = chainDer;
    const shared = {
      slotId,
      issuedAt: now,
      notAfter: new Date("2026-01-02T00:00:00Z"),
      state: "active",
    } as const;
    const authorityId = authorityIdOf(
      (await keyManager.findKey(keyIds.x509Ca(slotId)))?.publicKey.subjectKeyId,
    );
    x509Cas.push({
      ...shared,
      certificateDer,
      upstreamChainDer: hasUpstream ? [certificateDer] : [],
      authorityId,
      upstreamAuthorityId: "up",
    });
    jwtKeys.push({
      ...shared,
      kid: `kid-${slotId}`,
      publicKeyPkixDer: publicKey.pkixDer,
      authorityId: `kid-${slotId}`,
    });
  }
  const bundle: Bundle = {
    trustDomain: ca.trustDomain,
    x509Authorities: x509Cas.map(({ certificateDer }) => ({ certificateDer, tainted: false })),
    jwtAuthorities: jwtKeys.map(({ kid, publicKeyPkixDer }) => ({
      keyId: kid,
      publicKeyPkixDer,
      expiresAt: undefined,
      tainted: false,
    })),
    refreshHintSeconds: 0,
    sequenceNumber: 1,
  };
  const options: LoadSlotsOptions = {
    records: { x509Cas, jwtKeys, witKeys: [] },
    keyManager,
    bundle,
    hasUpstream,
    now,
    logger,
  };
  return { options, keyManager, logger, ca };
}

type Site = Awaited<ReturnType<typeof site>>;

/** Which slots can be taken up, and why the others cannot. */
async function outcome({ options, logger }: Site, changed: Partial<LoadSlotsOptions> = {}) {
  const all = { ...options, ...changed };
  const x509 = (await loadX509CaSlots(all)).map(({ id }) => id).join("");
  const jwt = (await loadJwtKeySlots(all)).map(({ id }) => id).join("");
  return [
    x509,
    jwt,
    ...logger.lines.map(({ message, fields }) => `${message}: ${fields.slot}: ${fields.error}`),
  ];
}

describe("loadX509CaSlots() and loadJwtKeySlots()", () => {
  it("take up what the keys, the bundle and the time allow, newest first, as it was", async () => {
    const at = await site(true);
    const [newest, older] = await loadX509CaSlots(at.options);
    const [, record] = at.options.records.x509Cas;
    assert.ok(newest?.authority && record);
    const { value, ...rest } = newest.authority;
    assert.deepEqual(rest, {
      issuedAt: record.issuedAt,
      notAfter: record.notAfter,
      authorityId: record.authorityId,
      upstreamAuthorityId: "up",
    });
    assert.deepEqual(
      [
        newest.id,
        newest.state,
        older?.id,
        value.certificate.der,
        value.upstreamChain.map(({ der }) => der),
        value.key.id,
      ],
      ["B", "active", "A", record.certificateDer, record.upstreamChainDer, "x509-CA-B"],
    );
    const [jwt] = await loadJwtKeySlots(at.options);
    assert.deepEqual(
      [jwt?.id, jwt?.authority?.value.kid, jwt?.authority?.value.notAfter, jwt?.authority?.value.key.id],
      ["B", "kid-B", record.notAfter, "JWT-Signer-B"],
    );
    assert.deepEqual(at.logger.lines, []);
  });

  const cases: readonly [
    title: string,
    change: (at: Site) => Partial<LoadSlotsOptions> | undefined,
    ...outcome: string[],
  ][] = [
    [
      "what a bundle does not hold",
      ({ options }) => ({
        bundle: options.bundle && { ...options.bundle, x509Authorities: [], jwtAuthorities: [] },
      }),
      "",
      "",
    ],
    ["everything, when there is no bundle yet", () => ({ bundle: undefined }), "BA", "BA"],
    [
      "what expired",
      () => ({ now: new Date("2026-01-02T00:00:01Z") }),
      "",
      "",
      "X509CA slot unusable: B: slot expired",
      "X509CA slot unusable: A: slot expired",
      "JWT key slot unusable: B: slot expired",
      "JWT key slot unusable: A: slot expired",
    ],
    [
      "what has no key any more",
      ({ keyManager }) => {
        keyManager.keys.delete("x509-CA-B");
        keyManager.keys.delete("JWT-Signer-A");
        return undefined;
      },
      "A",
      "B",
      "X509CA slot unusable: B: no key manager key",
      "JWT key slot unusable: A: no key manager key",
    ],
    [
      "what has another key now",
      ({ keyManager }) => {
        const [a, b] = [keyManager.keys.get("x509-CA-A"), keyManager.keys.get("JWT-Signer-A")];
        assert.ok(a && b);
        keyManager.keys.set("x509-CA-B", b);
        keyManager.keys.set("JWT-Signer-B", a);
        return undefined;
      },
      "A",
      "A",
      "X509CA slot unusable: B: public key does not match key manager key",
      "JWT key slot unusable: B: public key does not match key manager key",
    ],
    [
      "what is in no slot",
      ({ options: { records } }) => ({
        records: {
          ...records,
          x509Cas: records.x509Cas.map((record) => ({ ...record, slotId: "" })),
          jwtKeys: records.jwtKeys.map((record) => ({ ...record, slotId: "C" })),
        },
      }),
      "",
      "",
      "X509CA slot unusable: : no slot id",
      "X509CA slot unusable: : no slot id",
      "JWT key slot unusable: C: no slot id",
      "JWT key slot unusable: C: no slot id",
    ],
    [
      "a certificate that is none",
      ({ options: { records } }) => ({
        bundle: undefined,
        records: {
          ...records,
          x509Cas: records.x509Cas.map((record, index) =>
            index === 1 ? { ...record, certificateDer: Buffer.from("x") } : record,
          ),
        },
      }),
      "A",
      "BA",
      "X509CA slot unusable: B: malformed certificate: expected tag 0x30, found 0x78",
    ],
  ];
  for (const [title, change, ...expected] of cases) {
    it(`${expected[0] === "BA" ? "take up" : "leave"} ${title}`, async () => {
      const at = await site();
      assert.deepEqual(await outcome(at, change(at) ?? {}), expected);
    });
  }

  it("do not look for a CA in the bundle below an upstream, whose roots it holds, but for JWT keys they do", async () => {
    const at = await site(true);
    const { bundle } = at.options;
    assert.ok(bundle);
    assert.deepEqual(await outcome(at, { bundle: { ...bundle, x509Authorities: [], jwtAuthorities: [] } }), [
      "BA",
      "",
    ]);
  });

  it("pass on what the key manager says: nothing is thrown away because it is away", async () => {
    const at = await site();
    at.keyManager.failure = new StatusError(Code.Unavailable, "AWAY", "keymanager(fake): away");
    await assert.rejects(loadX509CaSlots(at.options), at.keyManager.failure);
    await assert.rejects(loadJwtKeySlots(at.options), at.keyManager.failure);
  });
});
