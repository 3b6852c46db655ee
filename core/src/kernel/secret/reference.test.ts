import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { parseSecretReference, titleOf } from "./reference.ts";

describe("parseSecretReference()", () => {
  it("reads the three forms", () => {
    const cases = {
      "secret+file:/run/secrets/db": { kind: "file", path: "/run/secrets/db" },
      "secret+file:/with a space:and/colon": { kind: "file", path: "/with a space:and/colon" },
      "secret+env:DB_PASSWORD": { kind: "env", name: "DB_PASSWORD" },
      "secret+exec:/usr/bin/pass": { kind: "exec", path: "/usr/bin/pass", args: [] },
      "secret+exec:/usr/bin/pass  show db/finial $(x) ": {
        kind: "exec",
        path: "/usr/bin/pass",
        args: ["show", "db/finial", "$(x)"],
      },
    };
    for (const [text, reference] of Object.entries(cases))
      assert.deepEqual(parseSecretReference(text), reference);
  });

  it("takes what a configuration of SPIRE's holds for what it is", () => {
    for (const text of [
      "",
      "password",
      "file:/var/lib/spire/datastore.sqlite3?_pragma=x",
      "file::memory:?cache=shared",
      "env:NAME",
      "exec:/bin/true",
      "secret:file:/x",
      "secret:password@tcp(db:3306)/spire",
      "secret+:/x",
      "secret+FILE:/x",
      "secret+file",
      " secret+file:/x",
      "postgres://u:secret+file:/x@db",
    ])
      assert.equal(parseSecretReference(text), undefined, text);
  });

  it("says what is wrong with one that cannot be followed", () => {
    const cases = {
      "secret+file:": "secret+file: takes an absolute path, as in secret+file:/etc/finial/secret",
      "secret+file:db": "secret+file: takes an absolute path, as in secret+file:/etc/finial/secret",
      "secret+file:/a\nb": "secret+file: takes an absolute path, as in secret+file:/etc/finial/secret",
      "secret+exec:pass show": "secret+exec: takes an absolute path, as in secret+exec:/etc/finial/secret",
      "secret+exec: ": "secret+exec: takes an absolute path, as in secret+exec:/etc/finial/secret",
      "secret+env:": "secret+env: takes the name of one environment variable, as in secret+env:DB_PASSWORD",
      "secret+env:A-B":
        "secret+env: takes the name of one environment variable, as in secret+env:DB_PASSWORD",
      "secret+flie:/x":
        "secret+flie: is no way to a secret; there are secret+file:, secret+env: and secret+exec:",
    };
    for (const [text, message] of Object.entries(cases))
      assert.throws(() => parseSecretReference(text), { code: 3, reason: "SECRET_REFERENCE", message });
  });
});

describe("titleOf()", () => {
  it("says where the secret is, and not what the program is told", () => {
    assert.equal(titleOf({ kind: "file", path: "/a" }), "secret+file:/a");
    assert.equal(titleOf({ kind: "env", name: "A" }), "secret+env:A");
    assert.equal(titleOf({ kind: "exec", path: "/a", args: ["--token", "t"] }), "secret+exec:/a");
  });
});
