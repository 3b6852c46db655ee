import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { generateKeyPairSync, type KeyObject } from "node:crypto";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, it } from "node:test";
import { promisify } from "node:util";
import { Code, type Logger } from "@finial/sdk";
import {
  Certificate,
  createCertificateRequest,
  ExtensionOid,
  extendedKeyUsageExtension,
  generatePrivateKey,
  type KeyPairType,
  PublicKey,
  parseName,
  toPem,
  verifyChain,
} from "@finial/sdk/crypto";
import { UpstreamAuthority } from "@finial/sdk/server";
import {
  captureLog,
  FakeClock,
  type LoadedPlugin,
  loadPlugin,
  signerOf,
  type TestCa,
  testCa,
  upstreamAuthorityContract,
} from "@finial/sdk/testing";
import { plugin } from "./plugin.ts";

const pem = (certificates: readonly Buffer[]): string =>
  certificates.map((der) => toPem("CERTIFICATE", der)).join("");
const pkcs8 = (key: KeyObject): string => key.export({ format: "pem", type: "pkcs8" }) as string;

/** What the three files hold; without a bundle the key is there and not named. */
interface Files {
  readonly cert: string;
  readonly key: string;
  readonly bundle?: string;
}

/** A folder with the files, and the configuration that names them. */
interface Folder extends AsyncDisposable {
  readonly config: string;
  readonly path: string;
  write(files: Files): Promise<void>;
}

async function folder(files: Files): Promise<Folder> {
  const path = await mkdtemp(join(tmpdir(), "upstream-"));
  const write = async ({ cert, key, bundle }: Files): Promise<void> => {
    await writeFile(join(path, "cert.pem"), cert);
    await writeFile(join(path, "key.pem"), key);
    if (bundle !== undefined) await writeFile(join(path, "bundle.pem"), bundle);
  };
  await write(files);
  const lines = [`cert_file_path = "${path}/cert.pem"`, `key_file_path = "${path}/key.pem"`];
  if (files.bundle !== undefined) lines.push(`bundle_file_path = "${path}/bundle.pem"`);
  return {
    config: lines.join("\n"),
    path,
    write,
    [Symbol.asyncDispose]: () => rm(path, { recursive: true, force: true }),
  };
}

/** A CA that signed its own certificate. */
const rootFiles = (ca: TestCa): Files => ({ cert: ca.rootPem, key: pkcs8(ca.privateKey) });
/** A CA below another. */
const intermediateFiles = (ca: TestCa): Files => ({
  cert: pem(ca.chainDer),
  key: pkcs8(ca.privateKey),
  bundle: ca.rootPem,
});

async function loadWith(
  files: Files,
  options: { readonly clock?: FakeClock; readonly logger?: Logger } = {},
): Promise<LoadedPlugin & { readonly folder: Folder }> {
  await using stack = new AsyncDisposableStack();
  const dir = stack.use(await folder(files));
  const loaded = stack.use(await loadPlugin(plugin, { config: dir.config, ...options }));
  const owned = stack.move();
  return { ...loaded, folder: dir, [Symbol.asyncDispose]: () => owned.disposeAsync() };
}

async function request(uris: readonly string[] = ["spiffe://example.org"]): Promise<Buffer> {
  const signer = signerOf(await generatePrivateKey("ec-p256"));
  return await createCertificateRequest({ ...signer, subject: { organization: ["SPIFFE"] }, uris });
}

async function mint(loaded: LoadedPlugin, csr: Buffer, preferredTtl = 0) {
  const stream = loaded.client(UpstreamAuthority.definition).mintX509CAAndSubscribe({ csr, preferredTtl });
  const [answer, ...more] = await Array.fromAsync(stream);
  assert.ok(answer);
  assert.deepEqual(more, [], "there is nothing to tell later");
  return {
    chain: answer.x509CaChain.map(({ asn1 }) => Certificate.parse(asn1)),
    roots: answer.upstreamX509Roots.map(({ asn1 }) => Certificate.parse(asn1)),
  };
}

upstreamAuthorityContract({ load: async () => loadWith(rootFiles(await testCa())) });

describe('UpstreamAuthority "disk"', () => {
  it("mints below a root and below an intermediate, with keys of every kind and every form", async () => {
    const forms = { ec: ["pkcs8", "sec1"], rsa: ["pkcs8", "pkcs1"] } as const;
    for (const keyType of ["ec-p256", "ec-p384", "rsa-2048"] satisfies readonly KeyPairType[]) {
      const root = await testCa({ keyType });
      const middle = await root.intermediate("middle", { keyType });
      const lowest = await middle.intermediate("lowest", { keyType });
      for (const form of forms[keyType === "rsa-2048" ? "rsa" : "ec"]) {
        const key = lowest.privateKey.export({ format: "pem", type: form as "pkcs8" }) as string;
        await using below = await loadWith({ ...intermediateFiles(lowest), key });
        const { chain, roots } = await mint(below, await request());
        assert.deepEqual(
          chain.slice(1).map(({ der }) => der),
          lowest.chainDer,
        );
        assert.deepEqual(
          roots.map(({ der }) => der),
          [root.rootDer],
        );
        verifyChain({ chain, anchors: roots, now: new Date() });
      }
      await using self = await loadWith(rootFiles(root));
      const { chain, roots } = await mint(self, await request());
      assert.equal(chain.length, 1);
      verifyChain({ chain, anchors: roots, now: new Date() });
    }
  });

  it("says in the certificate what SPIRE says", async () => {
    const clock = new FakeClock();
    const ca = await testCa({ clock });
    await using loaded = await loadWith(rootFiles(ca), { clock });
    const { chain } = await mint(loaded, await request(), 7200);
    const [minted] = chain;
    assert.ok(minted);
    assert.deepEqual(parseName(minted.subjectDer), { organization: ["SPIFFE"] });
    assert.ok(minted.issuerDer.equals(ca.root.subjectDer));
    assert.equal(minted.notBefore.getTime(), clock.now().getTime() - 10_000);
    assert.equal(minted.notAfter.getTime(), clock.now().getTime() + 7_200_000);
    assert.deepEqual([...(minted.keyUsage ?? [])], ["keyCertSign", "cRLSign"]);
    assert.deepEqual([minted.isCa, minted.pathLength], [true, undefined]);
    assert.ok(minted.subjectKeyId?.equals(minted.publicKey.subjectKeyId));
    assert.ok(minted.authorityKeyId?.equals(ca.root.publicKey.subjectKeyId));
    assert.deepEqual(minted.subjectAltName.uris, ["spiffe://example.org"]);
    assert.ok(minted.serialNumber > 0n);
  });

  it("gives an hour when no time is preferred, and never more than its own", async () => {
    const clock = new FakeClock();
    const ca = await testCa({ clock });
    await using loaded = await loadWith(rootFiles(ca), { clock });
    const ttlMsOf = async (preferredTtl: number): Promise<number> => {
      const { chain } = await mint(loaded, await request(), preferredTtl);
      return (chain[0]?.notAfter.getTime() ?? 0) - clock.now().getTime();
    };
    assert.equal(await ttlMsOf(0), 3_600_000);
    assert.equal(await ttlMsOf(-5), 3_600_000);
    assert.equal(await ttlMsOf(60), 60_000);
    assert.equal(await ttlMsOf(2 ** 31 - 1), ca.root.notAfter.getTime() - clock.now().getTime());
  });

  it("keeps the extensions asked for, save those that say what a CA may do", async () => {
    const { stdout: csr } = await promisify(execFile)(
      "openssl",
      [
        ..."req -new -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout /dev/null -outform DER".split(
          " ",
        ),
        ..."-subj /O=SPIFFE -addext subjectAltName=critical,URI:spiffe://example.org".split(" "),
        ..."-addext basicConstraints=critical,CA:FALSE -addext keyUsage=digitalSignature".split(" "),
        ..."-addext certificatePolicies=1.2.3.4 -addext subjectKeyIdentifier=00112233".split(" "),
      ],
      { encoding: "buffer" },
    );
    await using loaded = await loadWith(rootFiles(await testCa()));
    const [minted] = (await mint(loaded, csr)).chain;
    assert.ok(minted);
    assert.deepEqual([minted.isCa, [...(minted.keyUsage ?? [])]], [true, ["keyCertSign", "cRLSign"]]);
    assert.ok(minted.subjectKeyId?.equals(minted.publicKey.subjectKeyId));
    const asked = minted.extensions.slice(-2).map(({ oid, critical }) => [oid, critical]);
    assert.deepEqual(asked, [
      [ExtensionOid.SubjectAltName, true],
      [ExtensionOid.CertificatePolicies, false],
    ]);
  });

  it("refuses requests that are not for the trust domain's ID alone", async () => {
    await using loaded = await loadWith(rootFiles(await testCa()));
    for (const [uris, why] of [
      [[], "CSR must have exactly one URI SAN"],
      [["spiffe://example.org", "spiffe://example.org"], "CSR must have exactly one URI SAN"],
      [
        ["https://example.org"],
        'CSR with SPIFFE ID "https://example.org" is invalid: scheme is missing or invalid',
      ],
      ...["spiffe://other.org", "spiffe://example.org/db"].map(
        (uri) =>
          [
            [uri],
            `CSR with SPIFFE ID "${uri}" is invalid: must use the trust domain ID for trust domain "example.org"`,
          ] as const,
      ),
    ] as const)
      await assert.rejects(mint(loaded, await request(uris)), {
        code: Code.Internal,
        message: `unable to sign CSR: ${why}`,
      });
    const forged = await createCertificateRequest({
      publicKey: PublicKey.of(await generatePrivateKey("ec-p256")),
      sign: signerOf(await generatePrivateKey("ec-p256")).sign,
      uris: ["spiffe://example.org"],
    });
    for (const [csr, why] of [
      [forged, "CSR signature check failed"],
      [Buffer.from("?"), "unable to parse CSR: malformed CSR: "],
    ] as const)
      await assert.rejects(mint(loaded, csr), ({ code, message }) => {
        assert.equal(code, Code.Internal);
        assert.ok(message.startsWith(`unable to sign CSR: ${why}`), message);
        return true;
      });
  });

  it("takes no JWT keys and follows no bundle", async () => {
    await using loaded = await loadWith(rootFiles(await testCa()));
    const client = loaded.client(UpstreamAuthority.definition);
    await assert.rejects(Array.fromAsync(client.publishJWTKeyAndSubscribe({})), {
      code: Code.Unimplemented,
      message: "publishing upstream is unsupported",
    });
    await assert.rejects(Array.fromAsync(client.subscribeToLocalBundle({})), {
      code: Code.Unimplemented,
      message: "fetching upstream trust bundle is unsupported",
    });
  });
});

describe('UpstreamAuthority "disk", reading its files', () => {
  it("reads them anew for each request, and keeps what it had when they are broken", async () => {
    const logger = captureLog();
    const [first, second] = [await testCa(), await testCa()];
    await using loaded = await loadWith(rootFiles(first), { logger });
    const rootOf = async (): Promise<Buffer | undefined> =>
      (await mint(loaded, await request())).roots[0]?.der;
    assert.ok((await rootOf())?.equals(first.rootDer));
    await loaded.folder.write(rootFiles(second));
    assert.ok((await rootOf())?.equals(second.rootDer), "the new files");
    assert.deepEqual(logger.lines, []);
    await rm(loaded.folder.path, { recursive: true });
    assert.ok((await rootOf())?.equals(second.rootDer), "the last that could be read");
    const path = `${loaded.folder.path}/key.pem`;
    assert.deepEqual(logger.lines, [
      {
        level: "warn",
        message: "Upstream CA could not be reloaded; the one loaded before stays in use",
        fields: { error: `unable to load upstream CA key: open ${path}: no such file or directory` },
      },
    ]);
  });

  it("keeps its CA when a later configuration is refused", async () => {
    const ca = await testCa();
    await using loaded = await loadWith(rootFiles(ca));
    await assert.rejects(loaded.configure('cert_file_path = "/no"\nkey_file_path = "/no"'));
    const { roots } = await mint(loaded, await request());
    assert.ok(roots[0]?.der.equals(ca.rootDer));
  });

  it("refuses files that are not what they should be, one sentence each", async () => {
    const clock = new FakeClock();
    const ca = await testCa({ clock });
    const other = await testCa({ clock });
    const middle = await ca.intermediate("middle");
    const expired = await ca.intermediate("expired", { ttlSeconds: -1 });
    const clientOnly = await ca.intermediate("client", {
      extensions: [extendedKeyUsageExtension(["1.3.6.1.5.5.7.3.2"])],
    });
    const leaf = await ca.x509Svid("/leaf");
    const good = rootFiles(ca);
    const below = intermediateFiles(middle);
    const ecParameters = "-----BEGIN EC PARAMETERS-----\nBggqhkjOPQMBBw==\n-----END EC PARAMETERS-----\n";
    const madeOf = (type: "ed25519" | "p224"): string =>
      pkcs8(
        type === "ed25519"
          ? generateKeyPairSync("ed25519").privateKey
          : generateKeyPairSync("ec", { namedCurve: "P-224" }).privateKey,
      );
    const keyLabels = '["PRIVATE KEY" "RSA PRIVATE KEY" "EC PRIVATE KEY"]';
    const unverified =
      "unable to load upstream CA: certificate cannot be validated with the provided bundle or is not self-signed";
    const unusable = "unable to load upstream CA key: it is neither RSA nor of P-256, P-384 or P-521";
    const cases: readonly (readonly [Files, string])[] = [
      [{ ...good, key: "" }, "unable to load upstream CA key: no PEM blocks"],
      [{ ...good, key: good.key + good.key }, "unable to load upstream CA key: expected 1 PEM blocks; got 2"],
      [
        { ...good, key: ecParameters + good.key },
        `unable to load upstream CA key: expected block type ${keyLabels}; got "EC PARAMETERS"`,
      ],
      [
        { ...good, key: good.key.replace(/\n[^-\n]/, "\nA") },
        'unable to load upstream CA key: unable to parse "PRIVATE KEY" PEM block 1: malformed private key',
      ],
      [{ ...good, key: madeOf("ed25519") }, unusable],
      [{ ...good, key: madeOf("p224") }, unusable],
      [{ ...good, cert: "" }, "unable to load upstream CA cert: no PEM blocks"],
      [
        { ...good, cert: good.key },
        'unable to load upstream CA cert: expected block type "CERTIFICATE"; got "PRIVATE KEY"',
      ],
      [
        { ...good, cert: good.cert + toPem("CERTIFICATE", Buffer.of(1)) },
        'unable to load upstream CA cert: unable to parse "CERTIFICATE" PEM block 2: malformed certificate: ',
      ],
      [
        { ...good, cert: good.cert + good.cert },
        "with no bundle_file_path configured only self-signed CAs are supported",
      ],
      [{ ...below, bundle: "" }, "unable to load upstream CA bundle: no PEM blocks"],
      [
        { ...good, key: pkcs8(other.privateKey) },
        "unable to load upstream CA: certificate and private key do not match",
      ],
      [{ ...below, bundle: other.rootPem }, unverified],
      [intermediateFiles(expired), unverified],
      [intermediateFiles(clientOnly), unverified],
      [
        { cert: leaf.chainPem, key: leaf.keyPem, bundle: ca.rootPem },
        "unable to load upstream CA: certificate may not sign certificates",
      ],
    ];
    for (const [files, message] of cases) {
      await using dir = await folder(files);
      await using loaded = await loadPlugin(plugin, { clock });
      const keyBody = files.key.split("\n")[1];
      await assert.rejects(loaded.configure(dir.config), ({ code, message: said }) => {
        assert.equal(code, Code.InvalidArgument);
        assert.ok(message.endsWith(" ") ? said.startsWith(message) : said === message, said);
        assert.ok(keyBody === undefined || !said.includes(keyBody), "it tells the key");
        return true;
      });
    }
  });
});
