import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { Entry } from "@finial/proto/api/types/entry";
import { JoinToken } from "@finial/proto/api/types/jointoken";
import { FakeIo } from "./fake-io.ts";
import { printMessages } from "./output.ts";

const token = { name: "spire.api.types.JoinToken", value: JoinToken.create({ value: "<&>", expiresAt: 5 }) };

describe("printMessages()", () => {
  it("prints one message as an object, names in order, HTML escaped", () => {
    const io = new FakeIo();
    printMessages([token], io.stdout);
    assert.equal(io.out, '{"expires_at":"5","value":"\\u003c\\u0026\\u003e"}\n');
  });

  it("prints several as a list", () => {
    const io = new FakeIo();
    printMessages([token, token], io.stdout);
    assert.equal(JSON.parse(io.out).length, 2);
  });

  it("leaves out what is null, and keeps what is empty", () => {
    const io = new FakeIo();
    printMessages([{ name: "spire.api.types.Entry", value: Entry.create({ id: "a" }) }], io.stdout);
    assert.deepEqual(Object.keys(JSON.parse(io.out)), [
      "admin",
      "created_at",
      "dns_names",
      "downstream",
      "expires_at",
      "federates_with",
      "hint",
      "id",
      "jwt_svid_ttl",
      "revision_number",
      "selectors",
      "store_svid",
      "x509_svid_ttl",
    ]);
  });
});
