import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { ListEntriesRequest } from "../gen/api/server/entry/v1/entry.ts";
import { Entry } from "../gen/api/types/entry.ts";
import { RegistrationEntry } from "../gen/common/common.ts";
import { MeasureSinceRequest, SetGaugeRequest } from "../gen/plugin/hostservice/common/metrics/v1/metrics.ts";
import { SignDataRequest } from "../gen/plugin/server/keymanager/v1/keymanager.ts";
import { ValidateJWTSVIDResponse, X509SVIDResponse } from "../gen/workload/workload.ts";
import { fromProtoJson, type JsonValue, toProtoJson } from "./json.ts";

const emptyEntry = {
  id: "",
  spiffe_id: null,
  parent_id: null,
  selectors: [],
  x509_svid_ttl: 0,
  federates_with: [],
  admin: false,
  downstream: false,
  expires_at: "0",
  dns_names: [],
  revision_number: "0",
  store_svid: false,
  jwt_svid_ttl: 0,
  hint: "",
  created_at: "0",
};

const entry = Entry.fromPartial({
  id: "e1",
  spiffeId: { trustDomain: "example.org", path: "/db" },
  selectors: [{ type: "unix", value: "uid:1" }],
  x509SvidTtl: 60,
  expiresAt: 1_700_000_000,
});

const entryJson = {
  ...emptyEntry,
  id: "e1",
  spiffe_id: { trust_domain: "example.org", path: "/db" },
  selectors: [{ type: "unix", value: "uid:1" }],
  x509_svid_ttl: 60,
  expires_at: "1700000000",
};

const both: { title: string; message: string; value: object; json: JsonValue; parsed?: object }[] = [
  { title: "an empty message", message: "spire.api.types.Entry", value: Entry.create(), json: emptyEntry },
  { title: "a message with messages", message: "spire.api.types.Entry", value: entry, json: entryJson },
  {
    title: "wrappers and enums by name",
    message: "spire.api.server.entry.v1.ListEntriesRequest",
    value: ListEntriesRequest.fromPartial({
      filter: { byHint: "", bySelectors: { selectors: [], match: 1 } },
    }),
    json: {
      filter: {
        by_spiffe_id: null,
        by_parent_id: null,
        by_selectors: { selectors: [], match: "MATCH_SUBSET" },
        by_federates_with: null,
        by_hint: "",
        by_downstream: null,
      },
      output_mask: null,
      page_size: 0,
      page_token: "",
    },
  },
  {
    title: "the chosen field of a oneof only",
    message: "spire.plugin.server.keymanager.v1.SignDataRequest",
    value: SignDataRequest.fromPartial({
      data: Buffer.from([255, 254]),
      signerOpts: { $case: "hashAlgorithm", value: 5 },
    }),
    json: { key_id: "", data: "//4=", hash_algorithm: "SHA256" },
  },
  {
    title: "an unknown enum value as its number",
    message: "spire.plugin.server.keymanager.v1.SignDataRequest",
    value: SignDataRequest.fromPartial({ signerOpts: { $case: "hashAlgorithm", value: 99 as 5 } }),
    json: { key_id: "", data: "", hash_algorithm: 99 },
  },
  {
    title: "an optional message left out",
    message: "spire.common.RegistrationEntry",
    value: RegistrationEntry.fromPartial({
      entryId: "e1",
      additionalAttributes: { jwtSvidIncludeJti: true },
    }),
    json: {
      selectors: [],
      parent_id: "",
      spiffe_id: "",
      x509_svid_ttl: 0,
      federates_with: [],
      entry_id: "e1",
      admin: false,
      downstream: false,
      entryExpiry: "0",
      dns_names: [],
      revision_number: "0",
      store_svid: false,
      jwt_svid_ttl: 0,
      hint: "",
      created_at: "0",
      additional_attributes: { disable_x509_svid_prefetch: false, jwt_svid_include_jti: true },
    },
  },
  {
    title: "maps",
    message: "X509SVIDResponse",
    value: X509SVIDResponse.fromPartial({ federatedBundles: { "spiffe://other.org": Buffer.from("a") } }),
    json: { svids: [], crl: [], federated_bundles: { "spiffe://other.org": "YQ==" } },
  },
  {
    title: "plain data",
    message: "ValidateJWTSVIDResponse",
    value: ValidateJWTSVIDResponse.fromPartial({ claims: { sub: "x", aud: ["a", 1, null, { b: true }] } }),
    json: { spiffe_id: "", claims: { sub: "x", aud: ["a", 1, null, { b: true }] } },
  },
  {
    title: "numbers that JSON does not have",
    message: "spire.hostservice.common.metrics.v1.SetGaugeRequest",
    value: SetGaugeRequest.fromPartial({ key: ["a"], val: Number.NEGATIVE_INFINITY }),
    json: { key: ["a"], val: "-Infinity", labels: [] },
  },
];

describe("toProtoJson()", () => {
  for (const { title, message, value, json } of both) {
    it(`prints ${title}`, () => assert.deepEqual(toProtoJson(message, value), json));
  }

  it("leaves out an optional field that is not set", () => {
    const json = toProtoJson("spire.common.RegistrationEntry", RegistrationEntry.create());
    assert.equal("additional_attributes" in json, false);
  });

  it("keeps nanoseconds whole", () => {
    const value = MeasureSinceRequest.fromPartial({ time: "1700000000123456789" });
    assert.equal(
      toProtoJson("spire.hostservice.common.metrics.v1.MeasureSinceRequest", value).time,
      "1700000000123456789",
    );
  });

  it("refuses a message it does not know", () => {
    assert.throws(() => toProtoJson("toString", {}), new TypeError("no message toString"));
  });
});

describe("fromProtoJson()", () => {
  for (const { title, message, value, json } of both) {
    it(`reads ${title}`, () => {
      const back = toProtoJson(message, { ...value, ...fromProtoJson(message, json) });
      assert.deepEqual(back, json);
    });
  }

  it("reads camelCase names, enums by number and numbers for 64 bits", () => {
    assert.deepEqual(
      fromProtoJson("spire.api.types.Entry", {
        spiffeId: { trustDomain: "example.org" },
        expires_at: 5,
        hint: null,
      }),
      { spiffeId: { trustDomain: "example.org" }, expiresAt: 5 },
    );
  });

  const refused: readonly [json: JsonValue, message: string][] = [
    [[], "message: must be an object"],
    [{ colour: 1 }, "colour: unknown field"],
    [{ spiffe_id: { pathh: "/" } }, "spiffe_id.pathh: unknown field"],
    [{ selectors: {} }, "selectors: must be a list"],
    [{ selectors: [{ type: 1 }] }, "selectors[0].type: must be a string"],
    [{ admin: "yes" }, "admin: must be true or false"],
    [{ x509_svid_ttl: 2 ** 31 }, "x509_svid_ttl: out of range"],
    [{ x509_svid_ttl: 1.5 }, "x509_svid_ttl: must be an integer"],
    [{ expires_at: "12345678901234567890" }, "expires_at: must be an integer"],
    [{ spiffe_id: {}, spiffeId: {} }, "spiffeId: set twice"],
  ];
  for (const [json, message] of refused) {
    it(`refuses ${JSON.stringify(json)}`, () => {
      assert.throws(() => fromProtoJson("spire.api.types.Entry", json), new TypeError(message));
    });
  }
});
