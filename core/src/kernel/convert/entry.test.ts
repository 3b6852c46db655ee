import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { Entry, EntryMask } from "@finial/proto/api/types/entry";
import { parseSpiffeId, parseTrustDomain, type RegistrationEntry } from "@finial/sdk/spiffe";
import { fromWireEntry, toWireEntry } from "./entry.ts";

/** Every field differs from its default and from its neighbours. */
const entry: RegistrationEntry = {
  id: "e1",
  spiffeId: parseSpiffeId("spiffe://example.org/db"),
  parentId: parseSpiffeId("spiffe://example.org/spire/agent/x"),
  selectors: [
    { type: "unix", value: "uid:1" },
    { type: "unix", value: "gid:2" },
  ],
  x509SvidTtlSeconds: 60,
  jwtSvidTtlSeconds: 30,
  federatesWith: [parseTrustDomain("other.org")],
  admin: true,
  downstream: true,
  expiresAt: new Date(1_700_000_000_000),
  dnsNames: ["db.example.org"],
  revisionNumber: 7,
  storeSvid: true,
  hint: "internal",
  createdAt: new Date(1_600_000_000_000),
  disableX509SvidPrefetch: true,
  jwtSvidIncludeJti: true,
};

const wire: Entry = {
  id: "e1",
  spiffeId: { trustDomain: "example.org", path: "/db" },
  parentId: { trustDomain: "example.org", path: "/spire/agent/x" },
  selectors: [
    { type: "unix", value: "uid:1" },
    { type: "unix", value: "gid:2" },
  ],
  x509SvidTtl: 60,
  jwtSvidTtl: 30,
  federatesWith: ["other.org"],
  admin: true,
  downstream: true,
  expiresAt: 1_700_000_000,
  dnsNames: ["db.example.org"],
  revisionNumber: 7,
  storeSvid: true,
  hint: "internal",
  createdAt: 1_600_000_000,
  additionalAttributes: { disableX509SvidPrefetch: true, jwtSvidIncludeJti: true },
};

const booleans = [
  "admin",
  "downstream",
  "storeSvid",
  "disableX509SvidPrefetch",
  "jwtSvidIncludeJti",
] as const;

describe("toWireEntry()", () => {
  it("carries every field", () => assert.deepEqual(toWireEntry(entry), wire));

  it("leaves absent instants and attributes out", () => {
    const bare = toWireEntry({
      ...entry,
      expiresAt: undefined,
      createdAt: undefined,
      disableX509SvidPrefetch: false,
      jwtSvidIncludeJti: false,
    });
    assert.deepEqual(bare, { ...wire, expiresAt: 0, createdAt: 0, additionalAttributes: undefined });
  });

  it("carries each flag to its own field", () => {
    const none = { ...entry, ...Object.fromEntries(booleans.map((name) => [name, false])) };
    for (const name of booleans) {
      const back = fromWireEntry(toWireEntry({ ...none, [name]: true }));
      assert.deepEqual(
        booleans.map((flag) => back[flag]),
        booleans.map((flag) => flag === name),
        name,
      );
    }
  });

  for (const field of Object.keys(EntryMask.create()) as (keyof EntryMask)[]) {
    it(`sends only ${field} and the ID when only that is wanted`, () => {
      const masked = toWireEntry(entry, EntryMask.fromPartial({ [field]: true }));
      assert.deepEqual(masked, { ...Entry.create({ id: "e1" }), [field]: wire[field] });
    });
  }
});

describe("fromWireEntry()", () => {
  it("carries every field", () => assert.deepEqual(fromWireEntry(wire), entry));

  it("takes absent attributes as false and zero instants as none", () => {
    const { expiresAt, createdAt, disableX509SvidPrefetch, jwtSvidIncludeJti } = fromWireEntry({
      ...wire,
      expiresAt: 0,
      createdAt: 0,
      additionalAttributes: undefined,
    });
    assert.deepEqual(
      [expiresAt, createdAt, disableX509SvidPrefetch, jwtSvidIncludeJti],
      [undefined, undefined, false, false],
    );
  });

  const refused: readonly [part: Partial<Entry>, message: string][] = [
    [{ spiffeId: undefined }, "request must specify SPIFFE ID"],
    [
      { federatesWith: ["Other"] },
      "trust domain characters are limited to lowercase letters, numbers, dots, dashes, and underscores",
    ],
    [{ selectors: [{ type: "", value: "a" }] }, "missing selector type"],
    [{ selectors: [{ type: "a:b", value: "a" }] }, "selector type contains ':'"],
    [{ selectors: [{ type: "a", value: "" }] }, "missing selector value"],
  ];
  for (const [part, message] of refused) {
    it(`rejects ${JSON.stringify(part)}`, () => {
      assert.throws(() => fromWireEntry({ ...wire, ...part }), { message });
    });
  }
});
