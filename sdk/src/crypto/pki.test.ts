import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, describe, it } from "node:test";
import { StatusError } from "../status/status-error.ts";
import { Certificate } from "./certificate.ts";
import { CertificateRequest } from "./certificate-request.ts";
import { verifyChain } from "./chain.ts";
import { parsePem } from "./pem.ts";

const folder = mkdtempSync(join(tmpdir(), "pki-"));
after(() => rmSync(folder, { recursive: true }));

function openssl(...args: string[]): void {
  execFileSync("openssl", args, { cwd: folder, stdio: ["ignore", "pipe", "pipe"] });
}

const keys = {
  ec: ["EC", "-pkeyopt", "ec_paramgen_curve:P-256"],
  "ec-p224": ["EC", "-pkeyopt", "ec_paramgen_curve:P-224"],
  "ec-p521": ["EC", "-pkeyopt", "ec_paramgen_curve:P-521"],
  secp256k1: ["EC", "-pkeyopt", "ec_paramgen_curve:secp256k1"],
  rsa: ["RSA", "-pkeyopt", "rsa_keygen_bits:2048"],
  "rsa-512": ["RSA", "-pkeyopt", "rsa_keygen_bits:512"],
  "rsa for PSS alone": ["RSA-PSS", "-pkeyopt", "rsa_keygen_bits:2048"],
  ed25519: ["ED25519"],
  ed448: ["ED448"],
} as const;

const pss = (hash: string, ...more: string[]): string[] => [
  `-${hash}`,
  ...["rsa_padding_mode:pss", "rsa_pss_saltlen:digest", ...more].flatMap((option) => ["-sigopt", option]),
];
const caExtensions = "basicConstraints=critical,CA:TRUE\nkeyUsage=critical,keyCertSign\n";
const leafExtensions = "subjectAltName=URI:spiffe://example.org/db\n";

interface Made {
  readonly key?: keyof typeof keys;
  /** Undefined: it signs itself. */
  readonly by?: string;
  /** How it is signed. */
  readonly signing?: readonly string[];
  /** Undefined: version 1. */
  readonly extensions?: string | undefined;
}

/** Makes a key, a request and a certificate of this name. */
function make(name: string, { key = "ec", by = name, signing = ["-sha256"], extensions }: Made): Certificate {
  const [algorithm, ...options] = keys[key];
  openssl("genpkey", "-algorithm", algorithm, ...options, "-out", `${name}.key`);
  openssl("req", "-new", "-subj", `/CN=${name}`, "-key", `${name}.key`, "-out", `${name}.csr`);
  const issuer =
    by === name
      ? ["-signkey", `${name}.key`]
      : ["-CA", `${by}.pem`, "-CAkey", `${by}.key`, "-CAcreateserial"];
  writeFileSync(join(folder, "extensions"), extensions ?? "");
  const extended = extensions === undefined ? [] : ["-extfile", "extensions"];
  openssl(
    "x509",
    "-req",
    "-in",
    `${name}.csr`,
    "-days",
    "2",
    ...issuer,
    ...signing,
    ...extended,
    "-out",
    `${name}.pem`,
  );
  const pem = readFileSync(join(folder, `${name}.pem`), "utf8");
  return Certificate.parse(parsePem(pem)[0]?.der ?? Buffer.alloc(0));
}

/** "trusted", or why not. */
function verdict(leaf: Certificate, above: readonly Certificate[], anchor: Certificate): string {
  try {
    verifyChain({ chain: [leaf, ...above], anchors: [anchor], now: new Date() });
    return "trusted";
  } catch (error) {
    assert.ok(error instanceof StatusError, String(error));
    return /because of "(.*?)" while/.exec(error.message)?.[1] ?? error.message;
  }
}

const unimplemented = "x509: cannot verify signature: algorithm unimplemented";
const notSigned = "x509: invalid signature";

describe("verifyChain() with a PKI of openssl's", () => {
  const signings: [keyof typeof keys, readonly string[], string][] = [
    ["rsa", ["-sha384"], "trusted"],
    ["rsa", pss("sha256"), "trusted"],
    ["rsa", pss("sha384"), "trusted"],
    ["rsa", pss("sha512"), "trusted"],
    ["rsa", pss("sha256", "rsa_mgf1_md:sha512"), unimplemented],
    ["rsa", [...pss("sha256").slice(0, 3), "-sigopt", "rsa_pss_saltlen:20"], unimplemented],
    ["rsa", pss("sha1"), unimplemented],
    ["rsa", ["-sha1"], unimplemented],
    ["rsa for PSS alone", pss("sha256"), notSigned],
    ["rsa-512", ["-sha256"], notSigned],
    ["ed25519", [], "trusted"],
    ["ed448", [], unimplemented],
    ["ec", ["-sha512"], "trusted"],
    ["ec", ["-sha1"], unimplemented],
    ["ec-p224", ["-sha256"], "trusted"],
    ["ec-p521", ["-sha256"], "trusted"],
    ["secp256k1", ["-sha256"], notSigned],
  ];
  for (const [key, signing, expected] of signings) {
    it(`answers ${JSON.stringify(expected)} below a root of ${key} that signs with ${signing.join(" ")}`, () => {
      const root = make("root", { key, extensions: caExtensions, signing });
      assert.equal(
        verdict(make("leaf", { by: "root", extensions: leafExtensions, signing }), [], root),
        expected,
      );
    });
  }

  it("never takes a changed certificate as signed", () => {
    for (const [key, signing] of [
      ["rsa", pss("sha256")],
      ["ed25519", []],
    ] as const) {
      const root = make("root", { key, extensions: caExtensions, signing });
      const { der } = make("leaf", { by: "root", extensions: leafExtensions, signing });
      const changed = Buffer.from(der);
      changed[der.indexOf("/db") + 1] = "x".charCodeAt(0);
      assert.equal(verdict(Certificate.parse(der), [], root), "trusted");
      assert.equal(verdict(Certificate.parse(changed), [], root), notSigned);
    }
  });

  const notAuthorized = "x509: certificate is not authorized to sign other certificates";
  const rights: [string, string | undefined, string, string][] = [
    ["of version 1", undefined, "trusted", notAuthorized],
    ["that says nothing of being a CA", "subjectKeyIdentifier=hash\n", notAuthorized, notAuthorized],
    ["that says it is none", "basicConstraints=CA:FALSE\n", notAuthorized, notAuthorized],
    ["that says it is one", "basicConstraints=CA:TRUE\n", "trusted", "trusted"],
    [
      "that is one and may not sign certificates",
      "basicConstraints=CA:TRUE\nkeyUsage=digitalSignature\n",
      "x509: invalid signature: parent certificate cannot sign this kind of certificate",
      "x509: invalid signature: parent certificate cannot sign this kind of certificate",
    ],
  ];
  for (const [title, extensions, asAnchor, asIntermediate] of rights) {
    it(`answers ${JSON.stringify(asAnchor)} to an anchor ${title}, ${JSON.stringify(asIntermediate)} to an intermediate`, () => {
      const anchor = make("anchor", { extensions });
      assert.equal(verdict(make("leaf", { by: "anchor", extensions: leafExtensions }), [], anchor), asAnchor);
      const root = make("root", { extensions: caExtensions });
      const between = make("between", { by: "root", extensions });
      const leaf = make("leaf", { by: "between", extensions: leafExtensions });
      assert.equal(verdict(leaf, [between], root), asIntermediate);
      // Its issuer is trusted, and so is it when it is given as an anchor itself.
      assert.equal(verdict(leaf, [], between), asAnchor);
    });
  }

  it("gives the version", () => {
    assert.equal(make("old", {}).version, 1);
    assert.equal(make("new", { extensions: caExtensions }).version, 3);
  });
});

describe("CertificateRequest.verify() of openssl's requests", () => {
  for (const [key, signing, expected] of [
    ["rsa", pss("sha256"), true],
    ["rsa", pss("sha256", "rsa_mgf1_md:sha384"), false],
    ["ed25519", [], true],
    ["ed448", [], false],
    ["secp256k1", ["-sha256"], false],
    ["rsa-512", ["-sha256"], false],
  ] as const)
    it(`is ${expected} with ${key} and ${signing.join(" ")}`, async () => {
      const [algorithm, ...options] = keys[key];
      openssl("genpkey", "-algorithm", algorithm, ...options, "-out", "own.key");
      openssl(
        "req",
        "-new",
        "-subj",
        "/CN=x",
        "-key",
        "own.key",
        ...signing,
        "-outform",
        "DER",
        "-out",
        "own.csr",
      );
      const der = readFileSync(join(folder, "own.csr"));
      assert.equal(await CertificateRequest.parse(der).verify(), expected);
      der[der.length - 1] = (der[der.length - 1] ?? 0) ^ 1;
      assert.equal(await CertificateRequest.parse(der).verify(), false);
    });
});
