import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { Code } from "@finial/sdk";
import { parseTrustDomain } from "@finial/sdk/spiffe";
import { parseConfig } from "./config.ts";

const trustDomain = parseTrustDomain("example.org");
const files = 'cert_file_path = "c.pem"\nkey_file_path = "k.pem"';

describe("parseConfig()", () => {
  it("reads the three files", () => {
    assert.deepEqual(parseConfig(`${files}\nbundle_file_path = "b.pem"`, { trustDomain }), {
      trustDomain,
      certFilePath: "c.pem",
      keyFilePath: "k.pem",
      bundleFilePath: "b.pem",
    });
  });

  it("takes an empty bundle for none", () => {
    for (const text of [files, `${files}\nbundle_file_path = ""`])
      assert.equal(parseConfig(text, { trustDomain }).bundleFilePath, undefined);
  });

  it("wants certificate and key, and names what it does not know", () => {
    for (const text of ["", 'cert_file_path = "c"', 'key_file_path = "k"', 'cert_file_path = ""'])
      assert.throws(() => parseConfig(text, { trustDomain }), {
        code: Code.InvalidArgument,
        message: "'cert_file_path' and 'key_file_path' must be set and not empty",
      });
    assert.throws(() => parseConfig('cert_file_pth = "c"', { trustDomain }), {
      code: Code.InvalidArgument,
      message: 'plugin_data:1:1: unknown key "cert_file_pth"; did you mean "cert_file_path"?',
    });
  });
});
