import assert from "node:assert/strict";
import { generateKeyPairSync, type KeyObject, randomBytes } from "node:crypto";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, describe, it } from "node:test";
import {
  type Challenge,
  encodeChallenge,
  makeChallenge,
  parseAttestationData,
  parseChallenge,
  verifyResponse,
} from "@finial/plugin-common-x509pop";
import { Code } from "@finial/sdk";
import { NodeAttestor } from "@finial/sdk/agent";
import { Certificate, keyUsageExtension, PublicKey, toPem } from "@finial/sdk/crypto";
import { agentNodeAttestorContract, type LoadedPlugin, loadPlugin, testCa } from "@finial/sdk/testing";
import { plugin } from "./plugin.ts";

const folder = mkdtempSync(join(tmpdir(), "x509pop-"));
after(() => rmSync(folder, { recursive: true }));
let files = 0;
const file = (content: string): string => {
  const path = join(folder, String(files++));
  writeFileSync(path, content);
  return path;
};

const ca = await testCa();
const ec = generateKeyPairSync("ec", { namedCurve: "P-256" }).privateKey;
const rsa = generateKeyPairSync("rsa", { modulusLength: 2048 }).privateKey;
const pem = (key: KeyObject, type: "pkcs8" | "sec1" | "pkcs1" = "pkcs8"): string =>
  key.export({ format: "pem", type: type as "pkcs8" }) as string;
const certified = (key: KeyObject): Promise<Buffer> =>
  ca.certify(PublicKey.of(key), { extensions: [keyUsageExtension(["digitalSignature"])] });
const certificates = (...ders: readonly Buffer[]): string =>
  ders.map((der) => toPem("CERTIFICATE", der)).join("");
const configOf = (certificate: string, key: string, more = ""): string =>
  `certificate_path = "${file(certificate)}"\nprivate_key_path = "${file(key)}"\n${more}`;

const leafOf = (payload: Buffer): Certificate =>
  Certificate.parse(parseAttestationData(payload, { maxIntermediates: 4 })[0]);

/** One round with the plugin: its payload, and its answer to a challenge. */
async function aid(loaded: LoadedPlugin, challengeOf: (payload: Buffer) => Buffer) {
  const stream = loaded.client(NodeAttestor.definition).aidAttestation();
  const answers: Buffer[] = [];
  for await (const { data } of stream) {
    assert.ok(data);
    answers.push(data.value);
    if (data.$case === "payload") await stream.send({ challenge: challengeOf(data.value) });
  }
  const [payload, response] = answers;
  assert.ok(payload && response);
  return { payload, response };
}

let asked: { readonly challenge: Challenge; readonly leaf: Certificate } | undefined;
const contractCertificate = certificates(await certified(ec));
agentNodeAttestorContract({
  load: () => loadPlugin(plugin, { config: configOf(contractCertificate, pem(ec)) }),
  checkPayload: (payload) => assert.ok(leafOf(payload).publicKey.equals(PublicKey.of(ec))),
  challenge: {
    make: (payload) => {
      const leaf = leafOf(payload);
      asked = { leaf, challenge: makeChallenge(leaf, randomBytes) };
      return encodeChallenge(asked.challenge);
    },
    checkResponse: async (response) => {
      assert.ok(asked);
      await verifyResponse(asked.leaf.publicKey.keyObject, asked.challenge, response);
    },
  },
});

describe('NodeAttestor "x509pop" of the agent', () => {
  it("holds keys of every kind and form", async () => {
    for (const [key, form] of [
      [ec, "pkcs8"],
      [ec, "sec1"],
      [rsa, "pkcs8"],
      [rsa, "pkcs1"],
    ] as const) {
      const leafDer = await certified(key);
      await using loaded = await loadPlugin(plugin, {
        config: configOf(certificates(leafDer), pem(key, form)),
      });
      const challenge = makeChallenge(Certificate.parse(leafDer), randomBytes);
      const { response } = await aid(loaded, () => encodeChallenge(challenge));
      await verifyResponse(PublicKey.of(key).keyObject, challenge, response);
    }
  });

  it("sends what follows its certificate, then the intermediates, in order", async () => {
    const [leafDer, a, b, c] = [await certified(ec), Buffer.of(1), ca.rootDer, await certified(rsa)];
    const more = `intermediates_path = "${file(certificates(b, c))}"`;
    // SPIRE reads the leaf alone, and so does this: the rest is the server's to judge.
    const config = configOf(pem(rsa) + certificates(leafDer, a), pem(ec), more);
    await using loaded = await loadPlugin(plugin, { config });
    const { payload } = await aid(loaded, (first) =>
      encodeChallenge(makeChallenge(leafOf(first), randomBytes)),
    );
    assert.deepEqual(parseAttestationData(payload, { maxIntermediates: 4 }), [leafDer, a, b, c]);
  });

  it("reads its files at each attestation, and keeps its configuration when a new one is refused", async () => {
    const [certificatePath, keyPath] = [file(certificates(await certified(ec))), file(pem(ec))];
    const config = `certificate_path = "${certificatePath}"\nprivate_key_path = "${keyPath}"`;
    await using loaded = await loadPlugin(plugin, { config });
    await assert.rejects(loaded.configure(config.replaceAll(folder, "/no/such/folder")));
    const challengeOf = (payload: Buffer) => encodeChallenge(makeChallenge(leafOf(payload), randomBytes));
    assert.ok(leafOf((await aid(loaded, challengeOf)).payload).publicKey.equals(PublicKey.of(ec)));
    writeFileSync(certificatePath, certificates(await certified(rsa)));
    writeFileSync(keyPath, pem(rsa));
    assert.ok(leafOf((await aid(loaded, challengeOf)).payload).publicKey.equals(PublicKey.of(rsa)));
    rmSync(keyPath);
    await assert.rejects(aid(loaded, challengeOf), {
      code: Code.InvalidArgument,
      message: `unable to load keypair: open ${keyPath}: no such file or directory`,
    });
  });

  it("refuses files that it could not attest with, without a word of the key", async () => {
    const good = certificates(await certified(ec));
    const body = pem(ec).split("\n")[1] as string;
    await using loaded = await loadPlugin(plugin);
    for (const [config, message] of [
      [configOf("", pem(ec)), /^unable to load keypair: no certificate found in \//],
      [configOf(good, ""), "unable to load keypair: no private key found"],
      [configOf(good, pem(ec).replace(/\n./, "\nA")), "unable to load keypair: malformed private key"],
      [configOf(good, pem(rsa)), "unable to load keypair: tls: private key does not match public key"],
      [
        configOf(toPem("CERTIFICATE", Buffer.of(1)), pem(ec)),
        /^unable to load keypair: malformed certificate: /,
      ],
      [
        configOf(good, pem(ec), `intermediates_path = "${file(pem(ec))}"`),
        "unable to load intermediate certificates: no certificates found in file",
      ],
      [
        configOf(good, pem(ec), 'intermediates_path = "/no/file"'),
        "unable to load intermediate certificates: open /no/file: no such file or directory",
      ],
    ] as const)
      await assert.rejects(loaded.configure(config), (error: Error & { readonly code: Code }) => {
        assert.equal(error.code, Code.InvalidArgument);
        if (typeof message === "string") assert.equal(error.message, message);
        else assert.match(error.message, message);
        assert.ok(!error.message.includes(body));
        return true;
      });
  });

  it("signs nothing but a challenge of its own kind, and never the same twice", async () => {
    await using loaded = await loadPlugin(plugin, { config: configOf(contractCertificate, pem(ec)) });
    const nonce = randomBytes(32);
    await assert.rejects(
      aid(loaded, () => encodeChallenge({ kind: "rsa", nonce })),
      {
        code: Code.Internal,
        message: "failed to calculate challenge response: expecting ECDSA challenge",
      },
    );
    const responses = [];
    for (let round = 0; round < 2; round++)
      responses.push((await aid(loaded, () => encodeChallenge({ kind: "ecdsa", nonce }))).response);
    const [first, second] = responses.map((response) => parseChallenge(response, "ecdsa").nonce);
    assert.ok(first && second && !first.equals(second));
  });

  it("says when the other agent gives it nothing, and starts without it", async () => {
    const config = `spiffe_endpoint_socket = "unix://${folder}/none.sock"`;
    await using loaded = await loadPlugin(plugin, { config });
    await assert.rejects(
      aid(loaded, () => Buffer.alloc(0)),
      {
        code: Code.Unavailable,
        message: /^unable to fetch SVID from workload API: /,
      },
    );
    await loaded.configure('spiffe_endpoint_socket = "/run/agent.sock"');
    await assert.rejects(
      aid(loaded, () => Buffer.alloc(0)),
      {
        code: Code.Unavailable,
        message:
          'unable to fetch SVID from workload API: workload endpoint socket URI must have a "tcp" or "unix" scheme',
      },
    );
  });
});
