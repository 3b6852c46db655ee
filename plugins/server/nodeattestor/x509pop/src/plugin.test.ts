import assert from "node:assert/strict";
import { generateKeyPairSync, type KeyObject } from "node:crypto";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, describe, it } from "node:test";
import { encodeAttestationData, fingerprintOf } from "@finial/plugin-common-x509pop";
import { Code } from "@finial/sdk";
import {
  Certificate,
  ExtendedKeyUsageOid,
  ExtensionOid,
  extendedKeyUsageExtension,
  keyUsageExtension,
  PublicKey,
} from "@finial/sdk/crypto";
import { captureLog, loadPlugin, serverNodeAttestorContract, type TestCa, testCa } from "@finial/sdk/testing";
import { plugin } from "./plugin.ts";
import { agentOf, attest, ecKey, makeAgent } from "./testing/test-agent.ts";

const folder = mkdtempSync(join(tmpdir(), "x509pop-"));
after(() => rmSync(folder, { recursive: true }));
let files = 0;

/** The configuration that trusts these authorities. */
function trusting(...authorities: readonly TestCa[]): string {
  const path = join(folder, `${files++}.pem`);
  writeFileSync(path, authorities.map(({ rootPem }) => rootPem).join(""));
  return `ca_bundle_path = "${path}"\n`;
}

const rsaKey = (modulusLength: number, publicExponent = 65537): KeyObject =>
  generateKeyPairSync("rsa", { modulusLength, publicExponent }).privateKey;

const ca = await testCa();

serverNodeAttestorContract({
  load: () => loadPlugin(plugin, { config: trusting(ca) }),
  makeAgent: () => makeAgent(ca),
});

describe('NodeAttestor "x509pop" of the server', () => {
  it("names an agent by its certificate, tells its authorities apart, and lets it come again", async () => {
    const middle = await ca.intermediate("middle");
    await using loaded = await loadPlugin(plugin, { config: trusting(ca) });
    const agent = await makeAgent(middle, {
      uris: [
        "x509pop://example.org/datacenter/us-east-1",
        "X509POP://example.org/key/path/to/value",
        "x509pop://other.org/environment/production",
      ],
    });
    const serial = agent.leaf.serialNumber.toString(16);
    const expected = {
      spiffeId: `spiffe://example.org/spire/agent/x509pop/${fingerprintOf(agent.leaf)}`,
      selectorValues: [
        "subject:cn:COMMONNAME",
        `ca:fingerprint:${fingerprintOf(Certificate.parse(agent.chainDer[1] as Buffer))}`,
        `ca:fingerprint:${fingerprintOf(ca.root)}`,
        `serialnumber:${serial.padStart(serial.length + (serial.length % 2), "0")}`,
        "san:datacenter:us-east-1",
        "san:key:path/to/value",
      ],
      canReattest: true,
    };
    assert.deepEqual(await attest(loaded, agent), expected);
    assert.deepEqual(await attest(loaded, agent), expected);
  });

  it("tells every authority of an agent whose authority is signed twice", async () => {
    const [left, right] = [await testCa(), await testCa()];
    const shared = await left.intermediate("shared");
    const crossDer = await right.certify(PublicKey.of(shared.privateKey), {
      subject: { country: ["US"], organization: ["SPIFFE"], commonName: "shared" },
      extensions: Certificate.parse(shared.chainDer[0] as Buffer).extensions.filter(
        ({ oid }) => oid !== ExtensionOid.AuthorityKeyIdentifier,
      ),
    });
    await using loaded = await loadPlugin(plugin, { config: trusting(left, right) });
    const agent = await makeAgent(shared, { intermediatesDer: [...shared.chainDer, crossDer] });
    const { selectorValues } = await attest(loaded, agent);
    assert.deepEqual(
      new Set(selectorValues.filter((value) => value.startsWith("ca:fingerprint:"))),
      new Set(
        [...shared.chainDer, crossDer, left.rootDer, right.rootDer].map(
          (der) => `ca:fingerprint:${fingerprintOf(Certificate.parse(der))}`,
        ),
      ),
    );
  });

  it("names an agent as its template says, and nobody by a path that is none", async () => {
    const agent = await makeAgent(ca, { uris: ["x509pop://example.org/zone/z1"] });
    const idOf = async (template: string): Promise<string> => {
      const config = `${trusting(ca)}agent_path_template = ${JSON.stringify(template)}`;
      await using loaded = await loadPlugin(plugin, { config });
      return (await attest(loaded, agent)).spiffeId;
    };
    const prefix = "spiffe://example.org/spire/agent";
    assert.equal(await idOf("/cn/{{ .Subject.CommonName }}"), `${prefix}/cn/COMMONNAME`);
    assert.equal(
      await idOf(
        "/{{ .TrustDomain }}/{{ .URISanSelectors.zone }}/{{ index .Issuer.Organization 0 | lower }}",
      ),
      `${prefix}/example.org/z1/spiffe`,
    );
    for (const [template, message] of [
      ["/{{ .URISanSelectors.region }}", /^failed to make spiffe id: .*no entry for key "region"/],
      ["{{ .PluginName }}", /^failed to make spiffe id: .*path must have a leading slash/],
      ["/a b", /^failed to make spiffe id: .*path segment characters are limited/],
    ] as const)
      await assert.rejects(idOf(template), { code: Code.Internal, message });
  });

  it("looks at no extended key usage, as SPIRE", async () => {
    await using loaded = await loadPlugin(plugin, { config: trusting(ca) });
    for (const usages of [[], [ExtendedKeyUsageOid.serverAuth], ["1.2.3.4"]]) {
      const extensions = usages.length === 0 ? [] : [extendedKeyUsageExtension(usages)];
      assert.ok((await attest(loaded, await makeAgent(ca, { extensions }))).canReattest);
    }
  });

  it("takes keys of every kind that Go's crypto/ecdsa and crypto/rsa take", async () => {
    await using loaded = await loadPlugin(plugin, { config: trusting(ca) });
    for (const key of [ecKey("P-224"), ecKey("P-384"), ecKey("P-521"), rsaKey(2048), rsaKey(1024)])
      assert.ok((await attest(loaded, await makeAgent(ca, { key }))).canReattest);
  });

  it("lets nobody in whose certificate nobody vouches for now", async () => {
    const middle = await ca.intermediate("middle");
    const expiredMiddle = await ca.intermediate("expired", { ttlSeconds: -60 });
    const stranger = await testCa();
    const notCa = await makeAgent(ca);
    const belowLeaf = await stranger.certify(PublicKey.of(ecKey()), {
      extensions: [keyUsageExtension(["digitalSignature"])],
    });
    await using loaded = await loadPlugin(plugin, { config: trusting(ca) });
    for (const [agent, why] of [
      [await makeAgent(ca, { ttlSeconds: -60 }), "x509: certificate has expired or is not yet valid: "],
      [await makeAgent(stranger), "x509: certificate signed by unknown authority"],
      [await makeAgent(middle, { intermediatesDer: [] }), "x509: certificate signed by unknown authority"],
      [await makeAgent(expiredMiddle), "x509: certificate signed by unknown authority"],
      [agentOf([belowLeaf, notCa.chainDer[0] as Buffer], ecKey()), "x509: certificate signed by unknown"],
    ] as const)
      await assert.rejects(attest(loaded, agent), ({ code, message }) => {
        assert.equal(code, Code.PermissionDenied);
        assert.ok(message.startsWith(`certificate verification failed: ${why}`), message);
        return true;
      });
  });

  it("lets nobody in who does not hold the key", async () => {
    await using loaded = await loadPlugin(plugin, { config: trusting(ca) });
    const wrong = (kind: string) => ({
      code: Code.PermissionDenied,
      message: `challenge response verification failed: ${kind} signature verify failed`,
    });
    for (const [key, other, kind] of [
      [ecKey(), ecKey(), "ECDSA"],
      [rsaKey(2048), rsaKey(2048), "RSA"],
    ] as const) {
      const agent = await makeAgent(ca, { key });
      await assert.rejects(
        attest(loaded, { ...agent, respond: agentOf(agent.chainDer, other).respond }),
        wrong(kind),
      );
      // An answer that was good once, to another challenge.
      let overheard: Buffer = Buffer.alloc(0);
      const respond = async (challenge: Buffer): Promise<Buffer> => {
        overheard = await agent.respond(challenge);
        return overheard;
      };
      await attest(loaded, { ...agent, respond });
      const replay = { ...agent, respond: () => Promise.resolve(overheard) };
      await assert.rejects(attest(loaded, replay), wrong(kind));
    }
    const agent = await makeAgent(ca);
    const silence = { ...agent, respond: () => Promise.resolve(Buffer.alloc(0)) };
    await assert.rejects(attest(loaded, silence), {
      code: Code.InvalidArgument,
      message: "unable to unmarshal challenge response: it is not JSON",
    });
  });

  it("never asks the same twice", async () => {
    await using loaded = await loadPlugin(plugin, { config: trusting(ca) });
    const agent = await makeAgent(ca);
    const asked: string[] = [];
    for (let round = 0; round < 3; round++)
      await attest(loaded, {
        ...agent,
        respond: (challenge) => {
          asked.push(challenge.toString());
          return agent.respond(challenge);
        },
      });
    assert.equal(new Set(asked).size, 3);
  });

  it("bounds what it is given before it works with it", async () => {
    const config = `${trusting(ca)}max_rsa_key_size = 2048`;
    await using loaded = await loadPlugin(plugin, { config });
    const good = await makeAgent(ca);
    const [leafDer] = good.chainDer as [Buffer];
    const certified = async (key: KeyObject): Promise<Buffer> =>
      ca.certify(PublicKey.of(key), { extensions: [keyUsageExtension(["digitalSignature"])] });
    const [large, small, slow] = [rsaKey(2056), rsaKey(1016), rsaKey(2048, 4294967291)];
    const [largeDer, smallDer, slowDer] = [
      await certified(large),
      await certified(small),
      await certified(slow),
    ];
    const curveDer = await certified(ecKey("brainpoolP256r1"));
    const slowly = "x509: RSA public exponent is too large";
    for (const [chainDer, message] of [
      [[Buffer.of(0)], /^unable to parse leaf certificate: malformed certificate: /],
      [[leafDer, Buffer.of(0)], /^unable to parse intermediate certificate 0: malformed certificate: /],
      [[leafDer, leafDer, Buffer.of(0)], /^unable to parse intermediate certificate 1: /],
      [[leafDer, leafDer, leafDer, leafDer, leafDer, Buffer.of(0)], "too many intermediate certificates"],
      [[largeDer], "leaf certificate key size too large"],
      [[leafDer, largeDer], "intermediate certificate 0 key size too large"],
      [[smallDer], "leaf certificate key size too small"],
      [[leafDer, leafDer, smallDer], "intermediate certificate 1 key size too small"],
      [[slowDer], `unable to parse leaf certificate: ${slowly}`],
      [[leafDer, slowDer], `unable to parse intermediate certificate 0: ${slowly}`],
      [[curveDer], "unable to parse leaf certificate: x509: unsupported elliptic curve"],
      [[leafDer, curveDer], "unable to parse intermediate certificate 0: x509: unsupported elliptic curve"],
      [[], "no certificate to attest"],
    ] as const)
      await assert.rejects(attest(loaded, { ...good, payload: encodeAttestationData(chainDer) }), {
        code: Code.InvalidArgument,
        message,
      });
    await assert.rejects(attest(loaded, { ...good, payload: Buffer.alloc(1024 * 1024 + 1, " ") }), {
      code: Code.InvalidArgument,
      message: "attestation data is larger than 1048576 bytes",
    });
  });

  it("takes as many intermediates as it is told to, needed or not", async () => {
    const one = await ca.intermediate("one");
    const two = await one.intermediate("two");
    await using loaded = await loadPlugin(plugin, { config: `${trusting(ca)}max_intermediates = 2` });
    assert.ok((await attest(loaded, await makeAgent(two))).canReattest);
    const three = { intermediatesDer: [...two.chainDer, ca.rootDer] };
    await assert.rejects(attest(loaded, await makeAgent(two, three)), {
      code: Code.InvalidArgument,
      message: "too many intermediate certificates",
    });
  });

  it("challenges only those whose certificate is for signatures, with a key it can check", async () => {
    await using loaded = await loadPlugin(plugin, { config: trusting(ca) });
    const usage = [keyUsageExtension(["keyAgreement"])];
    for (const [options, why] of [
      [{ extensions: usage }, "certificate not intended for digital signature use"],
      [{ without: [ExtensionOid.KeyUsage] }, "certificate not intended for digital signature use"],
      [{ key: generateKeyPairSync("ed25519").privateKey }, "unsupported public key type"],
    ] as const)
      await assert.rejects(attest(loaded, await makeAgent(ca, options)), {
        code: Code.Internal,
        message: `unable to generate challenge: ${why}`,
      });
  });

  it("looks where an agent calls from, when told to", async () => {
    const address = { oid: ExtensionOid.SubjectAltName, critical: false };
    const value = Buffer.from([0x30, 6, 0x87, 4, 10, 0, 0, 1]);
    const agent = await makeAgent(ca, { extensions: [{ ...address, value }] });
    const from = (ip: string) => ({ "x-forwarded-client-ip": ip });
    await using loaded = await loadPlugin(plugin, { config: trusting(ca) });
    assert.ok((await attest(loaded, agent, from("10.0.0.2"))).canReattest);
    await loaded.configure(`${trusting(ca)}verify_client_ip = true`);
    assert.ok((await attest(loaded, agent, from("10.0.0.1"))).canReattest);
    await assert.rejects(attest(loaded, agent, from("10.0.0.2")), {
      code: Code.PermissionDenied,
      message: "client IP 10.0.0.2 does not match any certificate IP SAN",
    });
    await assert.rejects(attest(loaded, agent), { code: Code.Internal });
  });

  it("goes by the configuration an attestation began with, and keeps the old one when a new one is refused", async () => {
    await using loaded = await loadPlugin(plugin, { config: trusting(ca) });
    const agent = await makeAgent(ca);
    const reconfiguring = {
      ...agent,
      respond: async (challenge: Buffer) => {
        await loaded.configure(`${trusting(await testCa())}agent_path_template = "/other"`);
        return await agent.respond(challenge);
      },
    };
    assert.match((await attest(loaded, reconfiguring)).spiffeId, /\/x509pop\//);
    await assert.rejects(attest(loaded, agent), { code: Code.PermissionDenied });
    await loaded.configure(trusting(ca));
    await assert.rejects(loaded.configure('ca_bundle_path = "/no/such/file"'));
    assert.ok((await attest(loaded, agent)).canReattest);
  });

  it("says so when a selector in a certificate cannot be read", async () => {
    const logger = captureLog();
    await using loaded = await loadPlugin(plugin, { config: trusting(ca), logger });
    const agent = await makeAgent(ca, {
      uris: ["x509pop://example.org/lonely", "x509pop://example.org/a/%zz"],
    });
    const { selectorValues } = await attest(loaded, agent);
    assert.deepEqual(
      selectorValues.filter((value) => value.startsWith("san:")),
      [],
    );
    assert.deepEqual(
      logger.lines.map(({ level, message }) => [level, message]),
      [
        ["warn", "cannot extract x509pop san selectors from x509pop://example.org/lonely"],
        ["warn", "cannot extract x509pop san selectors from x509pop://example.org/a/%zz"],
      ],
    );
  });
});
