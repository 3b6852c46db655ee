import assert from "node:assert/strict";
import { createPrivateKey } from "node:crypto";
import { describe, it } from "node:test";
import { Code, StatusError } from "@finial/sdk";
import {
  CertificateRequest,
  generatePrivateKey,
  PublicKey,
  subjectAltNameExtension,
} from "@finial/sdk/crypto";
import { captureLog, FakeClock, testCa } from "@finial/sdk/testing";
import type { AuthorizedEntry } from "../cache/authorized-entry.ts";
import { fakeEntry } from "../cache/fake-entry.ts";
import type { Identity } from "../cache/workload-update.ts";
import type { EntryCache, StaleEntry } from "./entry-cache.ts";
import { FakeServerApi } from "./fake-server-api.ts";
import { RotationPolicy } from "./rotation.ts";
import { X509SvidRenewer } from "./x509-svid-renewer.ts";

const clock = new FakeClock();
const ca = await testCa({ clock });
const { signal } = new AbortController();

/** As a server issues it. */
async function issue({ spiffeId }: AuthorizedEntry, csrDer: Buffer): Promise<readonly Buffer[]> {
  const { publicKey } = CertificateRequest.parse(csrDer);
  const extensions = [subjectAltNameExtension({ uris: [spiffeId.toString()], dnsNames: [] }, false)];
  return [await ca.certify(publicKey, { extensions })];
}

function open(
  entries: readonly AuthorizedEntry[],
  options: {
    readonly issue?: ConstructorParameters<typeof FakeServerApi>[1];
    readonly availabilityTargetMs?: number;
    readonly expiresAt?: Date;
  } = {},
) {
  const api = new FakeServerApi(ca.bundle, options.issue ?? issue);
  api.entries = entries;
  const logger = captureLog();
  const updates: (readonly Identity[])[] = [];
  let stale: readonly StaleEntry[] = entries.map((entry) => ({ entry, expiresAt: options.expiresAt }));
  const cache: EntryCache = {
    updateEntries: () => {},
    staleEntries: () => stale,
    updateSvids: (identities) => {
      updates.push(identities);
      const done = new Set(identities.map(({ entry }) => entry.id));
      stale = stale.filter(({ entry }) => !done.has(entry.id));
    },
    idsWithSvid: () => [],
    taint: () => 0,
  };
  const rotation = new RotationPolicy({
    availabilityTargetMs: options.availabilityTargetMs,
    random: () => 0.5,
  });
  const renewer = new X509SvidRenewer({ api, keyType: "ec-p256", rotation, logger });
  return { api, cache, logger, renewer, updates, renew: () => renewer.renew(cache, { signal }) };
}

const many = (count: number) => Array.from({ length: count }, (_, index) => fakeEntry(`e${index}`));

describe("X509SvidRenewer.renew()", () => {
  it("has an SVID issued for a key of its own, and gives it to the cache with that key", async () => {
    const requests: CertificateRequest[] = [];
    const entry = fakeEntry("a");
    const { updates, renew, logger } = open([entry], {
      issue: (asked, csrDer) => {
        requests.push(CertificateRequest.parse(csrDer));
        return issue(asked, csrDer);
      },
    });
    await renew();
    const [identity] = updates.flat();
    assert.ok(identity);
    assert.equal(identity.entry, entry);
    assert.equal(identity.svid.chainDer[0], identity.svid.leaf.der);
    const key = createPrivateKey({ key: identity.svid.keyPkcs8Der, format: "der", type: "pkcs8" });
    assert.deepEqual(PublicKey.of(key).pkixDer, identity.svid.leaf.pkixDer);
    assert.deepEqual(requests[0]?.subjectAltName.uris, ["spiffe://example.org/a"]);
    assert.deepEqual(logger.lines, [
      { level: "debug", message: "Renewing stale entries", fields: { count: 1, limit: 500 } },
      {
        level: "info",
        message: "Creating X509-SVID",
        fields: { spiffe_id: "spiffe://example.org/a", entry_id: "a" },
      },
    ]);
  });

  it("makes a new key each time", async () => {
    const entries = many(3);
    const first = open(entries);
    await first.renew();
    const second = open(entries);
    await second.renew();
    const keys = [...first.updates, ...second.updates]
      .flat()
      .map(({ svid }) => svid.keyPkcs8Der.toString("hex"));
    assert.equal(new Set(keys).size, 6);
  });

  it("says which SVIDs it renews, and asks nothing when there are none", async () => {
    const { logger, renew } = open([fakeEntry("a")], { expiresAt: new Date("2026-01-01T00:00:00.5Z") });
    await renew();
    assert.deepEqual(logger.lines[1], {
      level: "info",
      message: "Renewing X509-SVID",
      fields: { spiffe_id: "spiffe://example.org/a", entry_id: "a", expires_at: "2026-01-01T00:00:00Z" },
    });
    const none = open([]);
    await none.renew();
    assert.deepEqual([none.api.calls, none.logger.lines, none.updates], [[], [], []]);
  });

  const other = fakeEntry("other");
  const refused: readonly {
    readonly title: string;
    readonly issue: ConstructorParameters<typeof FakeServerApi>[1];
    readonly error: string;
  }[] = [
    {
      title: "for another key",
      issue: async ({ spiffeId }) => {
        const extensions = [subjectAltNameExtension({ uris: [spiffeId.toString()], dnsNames: [] }, false)];
        return [await ca.certify(PublicKey.of(await generatePrivateKey("ec-p256")), { extensions })];
      },
      error: "the SVID is for another key",
    },
    {
      title: "for another ID",
      issue: (_, csrDer) => issue(other, csrDer),
      error: 'the SVID is for "spiffe://example.org/other"',
    },
    { title: "without a certificate", issue: async () => [], error: "empty SVID cert chain" },
    {
      title: "without an ID",
      issue: async (_, csrDer) => [await ca.certify(CertificateRequest.parse(csrDer).publicKey, {})],
      error: "certificate contains no URI SAN",
    },
    {
      title: "whose intermediate is no certificate",
      issue: async (entry, csrDer) => [...(await issue(entry, csrDer)), Buffer.from("x")],
      error: "",
    },
  ];
  for (const { title, issue: badly, error } of refused)
    it(`refuses a chain ${title}, and takes the others`, async () => {
      const [good, bad] = [fakeEntry("good"), fakeEntry("bad")];
      const { logger, renew, updates } = open([bad, good], {
        issue: (entry, csrDer) => (entry === bad ? badly(entry, csrDer) : issue(entry, csrDer)),
      });
      await renew();
      assert.deepEqual(
        updates.flat().map(({ entry }) => entry.id),
        ["good"],
      );
      const line = logger.lines.find(({ level }) => level === "error");
      assert.equal(line?.message, "Received malformed X509 SVID from SPIRE server");
      const { error: said, ...fields } = line.fields;
      assert.deepEqual(fields, { spiffe_id: "spiffe://example.org/bad", entry_id: "bad" });
      if (error !== "") assert.equal(said, error);
    });

  it("goes without what the server refused", async () => {
    const { renew, updates } = open(many(3), {
      issue: async (entry, csrDer) => (entry.id === "e1" ? undefined : issue(entry, csrDer)),
    });
    await renew();
    assert.deepEqual(
      updates.flat().map(({ entry }) => entry.id),
      ["e0", "e2"],
    );
  });

  it("warns of an SVID that lives too short for the availability target", async () => {
    const { logger, renew } = open([fakeEntry("a")], { availabilityTargetMs: 24 * 3_600_000 });
    await renew();
    assert.deepEqual(logger.lines.at(-1), {
      level: "warn",
      message:
        "X509 SVID lifetime isn't long enough to guarantee the availability_target, falling back to the default rotation strategy",
      fields: { spiffe_id: "spiffe://example.org/a", entry_id: "a" },
    });
  });

  it("asks for the most urgent first, at most 500 at once, half as many after a failure, twice as many after a success", async () => {
    const { api, renew, logger } = open(many(510), { issue: async () => undefined });
    const failure = new StatusError(Code.ResourceExhausted, "X", "slow down");
    const outcomes = [false, false, true, false, true, true, true];
    const sizes: (number | undefined)[] = [];
    for (const succeeds of outcomes) {
      api.before = () => {
        if (!succeeds) throw failure;
      };
      if (succeeds) await renew();
      else await assert.rejects(renew(), failure);
      sizes.push(api.batches.at(-1)?.length);
    }
    assert.deepEqual(sizes, [500, 250, 125, 250, 125, 250, 500]);
    assert.equal(api.batches[0]?.[0], "e0");
    const limits = logger.lines.filter(({ message }) => message === "Renewing stale entries");
    assert.deepEqual(
      limits.map(({ fields }) => [fields.count, fields.limit]),
      sizes.map((size) => [510, size]),
    );
  });

  it("makes one call at a time, and the next all the same after a failure", async () => {
    const { api, renew } = open(many(2));
    const answers: PromiseWithResolvers<void>[] = [];
    api.before = () => {
      const answer = Promise.withResolvers<void>();
      answers.push(answer);
      return answer.promise;
    };
    const failure = new StatusError(Code.Unavailable, "X", "away");
    const first = assert.rejects(renew(), failure);
    const second = renew();
    while (answers.length === 0) await new Promise((resolve) => setImmediate(resolve));
    await new Promise((resolve) => setTimeout(resolve, 20));
    assert.equal(answers.length, 1);
    answers[0]?.reject(failure);
    await first;
    while (answers.length === 1) await new Promise((resolve) => setImmediate(resolve));
    answers[1]?.resolve();
    await second;
    assert.equal(api.batches.length, 2);
  });
});
