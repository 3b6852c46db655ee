import assert from "node:assert/strict";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, describe, it } from "node:test";
import { Code } from "@finial/sdk";
import { toPem } from "@finial/sdk/crypto";
import { parseTrustDomain } from "@finial/sdk/spiffe";
import { testCa } from "@finial/sdk/testing";
import { parseConfig } from "./config.ts";

const folder = mkdtempSync(join(tmpdir(), "x509pop-"));
after(() => rmSync(folder, { recursive: true }));
const file = (name: string, content: string): string => {
  writeFileSync(join(folder, name), content);
  return join(folder, name);
};

const [ca, other] = [await testCa(), await testCa()];
const one = file("one.pem", ca.rootPem);
const two = file(
  "two.pem",
  `${other.rootPem}# and a key, which is passed over\n${toPem("PRIVATE KEY", Buffer.of(1))}`,
);
const trustDomain = parseTrustDomain("example.org");
const parse = (text: string) => parseConfig(text, { trustDomain });
const anchorsOf = (text: string): readonly Buffer[] => {
  const { authorities } = parse(text);
  assert.ok(authorities.mode === "external_pki");
  return authorities.anchors.map(({ der }) => der);
};

describe("parseConfig()", () => {
  it("has SPIRE's defaults", () => {
    const { pathTemplate, authorities, ...others } = parse(`ca_bundle_path = "${one}"`);
    assert.deepEqual(others, {
      trustDomain,
      maxIntermediates: 4,
      maxRsaKeyBits: 8192,
      verifyClientIp: false,
    });
    assert.equal(authorities.mode, "external_pki");
    assert.deepEqual(parse('mode = "spiffe"').authorities, {
      mode: "spiffe",
      svidPrefix: "/spire-exchange/",
    });
    const data = { fields: { PluginName: "p", Fingerprint: "f", SVIDPathTrimmed: "s" } };
    assert.equal(pathTemplate.execute(data), "/p/f");
    assert.equal(parse('mode = "spiffe"').pathTemplate.execute(data), "/p/s");
  });

  it("reads every key", () => {
    const text = `mode = "external_pki"
      ca_bundle_paths = ["${one}", "${two}"]
      agent_path_template = "/x"
      max_intermediates = 1
      max_rsa_key_size = 2048
      verify_client_ip = true`;
    const { pathTemplate, authorities, ...others } = parse(text);
    assert.deepEqual(others, { trustDomain, maxIntermediates: 1, maxRsaKeyBits: 2048, verifyClientIp: true });
    assert.equal(pathTemplate.execute(""), "/x");
    assert.deepEqual(anchorsOf(text), [ca.rootDer, other.rootDer]);
    assert.ok(authorities);
  });

  it("refuses what does not fit together, in SPIRE's words", () => {
    const none = file("none.pem", toPem("PRIVATE KEY", Buffer.of(1)));
    const broken = file("broken.pem", ca.rootPem + toPem("CERTIFICATE", Buffer.of(1)));
    const trusting = `ca_bundle_path = "${one}"\n`;
    for (const [text, message] of [
      ["", "one of ca_bundle_path or ca_bundle_paths must be configured"],
      [
        `${trusting}ca_bundle_paths = ["${two}"]`,
        "only one of ca_bundle_path or ca_bundle_paths can be configured, not both",
      ],
      ['mode = "other"', "mode can only be either spiffe or external_pki"],
      [`${trusting}mode = "spiffe"`, "you can not use ca_bundle_path or ca_bundle_paths in spiffe mode"],
      [
        'mode = "spiffe"\nca_bundle_paths = ["/x"]',
        "you can not use ca_bundle_path or ca_bundle_paths in spiffe mode",
      ],
      [
        'ca_bundle_path = "/no/file"',
        'unable to load trust bundle "/no/file": open /no/file: no such file or directory',
      ],
      [`ca_bundle_path = "${none}"`, `unable to load trust bundle "${none}": no certificates found in file`],
      [`${trusting}max_intermediates = 0`, "max_intermediates must be greater than 0"],
      [
        `${trusting}max_intermediates = -1\nmax_rsa_key_size = 0`,
        "max_intermediates must be greater than 0\nmax_rsa_key_size must be greater than 0",
      ],
      [
        'mode = "spiffe"\nspiffe_prefix = "/a"\nsvid_prefix = "/b"',
        "spiffe_prefix and svid_prefix are the same key by two names, and differ",
      ],
      [
        `${trusting}verify_client_ips = true`,
        /^plugin_data:2:1: unknown key "verify_client_ips"; did you mean/,
      ],
      [
        `ca_bundle_path = "${broken}"`,
        new RegExp(
          `^unable to load trust bundle "${broken}": unable to parse certificate in block 1: malformed`,
        ),
      ],
      [
        `${trusting}agent_path_template = "/{{ .Name }}"`,
        /^failed to parse agent svid template: "\/\{\{ \.Name \}\}": there is no field \.Name; there are \.PluginName, /,
      ],
      [`${trusting}agent_path_template = "{{"`, /^failed to parse agent svid template: "\{\{": /],
    ] as const)
      assert.throws(() => parse(text), { code: Code.InvalidArgument, message }, text);
  });
});
