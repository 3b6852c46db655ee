import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { Entry } from "@finial/proto/api/types/entry";
import { parseEntriesJson } from "./entries-json.ts";

describe("parseEntriesJson()", () => {
  it("reads every key, in any case", () => {
    const text = JSON.stringify({
      entries: [
        {
          entry_id: "id",
          Spiffe_ID: "spiffe://example.org/db",
          parent_id: "spiffe://example.org/node",
          selectors: [{ type: "unix", value: "uid:1" }],
          x509_svid_ttl: 1,
          jwt_svid_ttl: 2,
          federates_with: ["spiffe://a.example", "b.example"],
          admin: true,
          downstream: true,
          entryExpiry: 3,
          dns_names: ["db"],
          store_svid: true,
          hint: "h",
          revision_number: 9,
          additional_attributes: { jwt_svid_include_jti: true },
          comment: "passed over",
        },
      ],
    });
    assert.deepEqual(parseEntriesJson(text), [
      {
        ...Entry.create(),
        id: "id",
        spiffeId: { trustDomain: "example.org", path: "/db" },
        parentId: { trustDomain: "example.org", path: "/node" },
        selectors: [{ type: "unix", value: "uid:1" }],
        x509SvidTtl: 1,
        jwtSvidTtl: 2,
        federatesWith: ["a.example", "b.example"],
        admin: true,
        downstream: true,
        expiresAt: 3,
        dnsNames: ["db"],
        storeSvid: true,
        hint: "h",
        additionalAttributes: { disableX509SvidPrefetch: false, jwtSvidIncludeJti: true },
      },
    ]);
  });

  it("finds nothing where there is nothing", () => {
    assert.deepEqual(parseEntriesJson("{}"), []);
  });

  for (const [entries, message] of [
    [[{ spiffe_id: "x" }], "entries[0]: invalid SPIFFE ID: scheme is missing or invalid"],
    [[{ spiffe_id: "spiffe://a/b", parent_id: "" }], "entries[0]: invalid parent ID: cannot be empty"],
    [[{ admn: true }], 'entries[0]: unknown key "admn"; did you mean "admin"?'],
    [[{ admin: "yes" }], "entries[0].admin takes true or false"],
    [[{ x509_svid_ttl: "1h" }], "entries[0].x509_svid_ttl takes a whole number"],
    [[{ selectors: {} }], "entries[0].selectors takes a list"],
    [[1], "entries[0] takes an object"],
    [{}, "data.entries takes a list"],
  ] as const)
    it(`refuses ${JSON.stringify(entries)}`, () => {
      assert.throws(() => parseEntriesJson(JSON.stringify({ entries })), { message });
    });

  it("refuses what is not JSON", () => {
    assert.throws(() => parseEntriesJson("entries:"), { message: /^the data is not JSON: / });
  });
});
