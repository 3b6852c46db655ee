import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { Entry, EntryMask } from "@finial/proto/api/types/entry";
import { parseSpiffeId, parseTrustDomain, type RegistrationEntry } from "@finial/sdk/spiffe";
import { parseEntry, parseEntryMask } from "./parse-entry.ts";

const example = parseTrustDomain("example.org");

const wire: Entry = {
  id: "e1",
  spiffeId: { trustDomain: "example.org", path: "/db" },
  parentId: { trustDomain: "example.org", path: "/spire/server" },
  selectors: [
    { type: "unix", value: "uid:1" },
    { type: "unix", value: "gid:2" },
    { type: "docker", value: "label:x" },
  ],
  x509SvidTtl: 60,
  jwtSvidTtl: 30,
  federatesWith: ["spiffe://other.org"],
  admin: true,
  downstream: true,
  expiresAt: 1_700_000_000,
  dnsNames: ["*.example.org"],
  revisionNumber: 7,
  storeSvid: true,
  hint: "h".repeat(1024),
  createdAt: 5,
  additionalAttributes: { disableX509SvidPrefetch: true, jwtSvidIncludeJti: true },
};

const parsed: RegistrationEntry = {
  id: "e1",
  spiffeId: parseSpiffeId("spiffe://example.org/db"),
  parentId: parseSpiffeId("spiffe://example.org/spire/server"),
  // In SPIRE's order: by type, then by value.
  selectors: [
    { type: "docker", value: "label:x" },
    { type: "unix", value: "gid:2" },
    { type: "unix", value: "uid:1" },
  ],
  x509SvidTtlSeconds: 60,
  jwtSvidTtlSeconds: 30,
  federatesWith: [parseTrustDomain("other.org")],
  admin: true,
  downstream: true,
  expiresAt: new Date(1_700_000_000_000),
  dnsNames: ["*.example.org"],
  revisionNumber: 7,
  storeSvid: true,
  hint: "h".repeat(1024),
  createdAt: undefined,
  disableX509SvidPrefetch: true,
  jwtSvidIncludeJti: true,
};

const nobody = parseSpiffeId("spiffe://example.org");

const empty: RegistrationEntry = {
  id: "e1",
  spiffeId: nobody,
  parentId: nobody,
  selectors: [],
  x509SvidTtlSeconds: 0,
  jwtSvidTtlSeconds: 0,
  federatesWith: [],
  admin: false,
  downstream: false,
  expiresAt: undefined,
  dnsNames: [],
  revisionNumber: 0,
  storeSvid: false,
  hint: "",
  createdAt: undefined,
  disableX509SvidPrefetch: false,
  jwtSvidIncludeJti: false,
};

/** The fields of the value that each field of the wire sets. */
const fields: { readonly [field in keyof EntryMask]: readonly (keyof RegistrationEntry)[] } = {
  spiffeId: ["spiffeId"],
  parentId: ["parentId"],
  selectors: ["selectors"],
  x509SvidTtl: ["x509SvidTtlSeconds"],
  federatesWith: ["federatesWith"],
  admin: ["admin"],
  downstream: ["downstream"],
  expiresAt: ["expiresAt"],
  dnsNames: ["dnsNames"],
  revisionNumber: ["revisionNumber"],
  storeSvid: ["storeSvid"],
  jwtSvidTtl: ["jwtSvidTtlSeconds"],
  hint: ["hint"],
  createdAt: ["createdAt"],
  additionalAttributes: ["disableX509SvidPrefetch", "jwtSvidIncludeJti"],
};

describe("parseEntry()", () => {
  it("takes every field but the time of creation", () => assert.deepEqual(parseEntry(wire, example), parsed));

  for (const [field, names] of Object.entries(fields)) {
    it(`takes only ${field} when only that is masked in`, () => {
      const mask = EntryMask.fromPartial({ [field]: true });
      const expected = { ...empty, ...Object.fromEntries(names.map((name) => [name, parsed[name]])) };
      assert.deepEqual(parseEntry(wire, example, mask), expected);
    });
  }

  it("does not look at what is masked out", () => {
    assert.deepEqual(parseEntry(Entry.create({ id: "e1" }), example, EntryMask.create()), empty);
  });

  const refused: readonly [part: Partial<Entry>, message: string][] = [
    [{ parentId: undefined }, "invalid parent ID: request must specify SPIFFE ID"],
    [
      { parentId: { trustDomain: "example.org", path: "" } },
      'invalid parent ID: "spiffe://example.org" is not a member of trust domain "example.org"; path is empty',
    ],
    [{ spiffeId: undefined }, "invalid spiffe ID: request must specify SPIFFE ID"],
    [
      { spiffeId: { trustDomain: "other.org", path: "/a" } },
      'invalid spiffe ID: "spiffe://other.org/a" is not a member of trust domain "example.org"',
    ],
    [
      { spiffeId: { trustDomain: "example.org", path: "/spire/agent/a" } },
      'invalid spiffe ID: "spiffe://example.org/spire/agent/a" is not a workload in trust domain "example.org"; path is in the reserved namespace',
    ],
    [{ selectors: [] }, "selector list is empty"],
    [{ selectors: [{ type: "a:b", value: "c" }] }, "selector type contains ':'"],
    [{ dnsNames: ["a", ""] }, "invalid DNS name: empty or only whitespace"],
    [{ federatesWith: [""] }, "invalid federated trust domain: trust domain is missing"],
    [{ hint: "é".repeat(513) }, "hint is too long, max length is 1024 characters"],
  ];
  for (const [part, message] of refused) {
    it(`rejects ${Object.keys(part)}: ${message}`, () => {
      assert.throws(() => parseEntry({ ...wire, ...part }, example), { message });
    });
  }
});

describe("parseEntryMask()", () => {
  it("is absent when absent", () => assert.equal(parseEntryMask(undefined), undefined));

  for (const [field, names] of Object.entries(fields)) {
    const settable = names.filter((name) => name !== "revisionNumber" && name !== "createdAt");
    it(`lets ${field} set ${settable.join(", ") || "nothing"}`, () => {
      assert.deepEqual([...(parseEntryMask(EntryMask.fromPartial({ [field]: true })) ?? [])], settable);
    });
  }
});
