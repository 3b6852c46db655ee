import assert from "node:assert/strict";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, describe, it } from "node:test";
import { TrustedRoot } from "@sigstore/protobuf-specs";
import { FakeSigstore } from "./fake-sigstore.ts";
import { type Attestations, readTrustedRoot, verifyProvenance } from "./provenance.ts";
import { ProvenancePolicy } from "./provenance-policy.ts";

const sigstore = await FakeSigstore.open();
const trustedRoot = TrustedRoot.fromJSON(sigstore.trustedRoot);
const digest = Buffer.alloc(64, 7);
const published = {
  name: "@vendor/name",
  version: "1.2.3",
  integrity: `sha512-${digest.toString("base64")}`,
  attestationsUrl: undefined,
};
const source = "https://example.org/vendor/name";
const signer = `${source}/build.yml@refs/tags/v1.2.3`;
const issuer = "https://issuer.example.org";
const predicateType = "https://slsa.dev/provenance/v1";
const subject = { name: "pkg:npm/%40vendor/name@1.2.3", digest: { sha512: digest.toString("hex") } };
const statement = {
  _type: "https://in-toto.io/Statement/v1",
  subject: [subject],
  predicateType,
  predicate: { buildDefinition: { externalParameters: { workflow: { repository: source } } } },
};

async function attest(said: object, payloadType?: string): Promise<Attestations> {
  const bundle = await sigstore.sign(said, { signer, issuer, ...(payloadType && { payloadType }) });
  return { attestations: [{ predicateType, bundle }] };
}

function refuses(attestations: Attestations, why: string | RegExp, root: TrustedRoot = trustedRoot): void {
  assert.throws(
    () => verifyProvenance(published, attestations, root),
    ({ code, reason, message }: Error & { readonly code: number; readonly reason: string }) => {
      assert.deepEqual([code, reason], [9, "PLUGIN_PROVENANCE"]);
      assert.match(message, /^the provenance of @vendor\/name@1\.2\.3 does not hold: /);
      assert.match(message, typeof why === "string" ? new RegExp(`: ${RegExp.escape(why)}$`) : why);
      return true;
    },
  );
}

describe("verifyProvenance()", () => {
  it("says who signed, who vouched for it, and what was built", async () => {
    assert.deepEqual(verifyProvenance(published, await attest(statement), trustedRoot), {
      signer,
      issuer,
      source,
    });
  });

  it("takes SLSA's older statement, too", async () => {
    const predicate = { invocation: { configSource: { uri: `git+${source}@refs/heads/main` } } };
    const older = "https://slsa.dev/provenance/v0.2";
    const bundle = await sigstore.sign({ ...statement, predicateType: older, predicate }, { signer, issuer });
    const found = verifyProvenance(
      published,
      { attestations: [{ predicateType: older, bundle }] },
      trustedRoot,
    );
    assert.equal(found?.source, `git+${source}@refs/heads/main`);
  });

  it("finds nothing among statements of other things", async () => {
    const { attestations } = await attest(statement);
    const others = attestations.map((each) => ({ ...each, predicateType: "https://example.org/publish" }));
    assert.equal(verifyProvenance(published, { attestations: others }, trustedRoot), undefined);
    assert.equal(verifyProvenance(published, { attestations: [] }, trustedRoot), undefined);
  });

  it("refuses one of another package, version or bytes", async () => {
    const of = (changed: object) => attest({ ...statement, subject: [{ ...subject, ...changed }] });
    const other = "pkg:npm/%40vendor/name@1.2.4";
    refuses(await of({ name: other }), `it speaks of ${other}, not of ${subject.name}`);
    refuses(await of({ digest: { sha512: "00".repeat(64) } }), "it speaks of other bytes");
    refuses(await of({ digest: { sha256: subject.digest.sha512 } }), "it speaks of other bytes");
    refuses(await attest({ ...statement, subject: [subject, subject] }), "it speaks of 2 things");
    refuses(await attest({ ...statement, subject: [] }), "it speaks of 0 things");
  });

  it("refuses one that is no statement, or of something else than it is offered as", async () => {
    refuses(await attest(statement, "text/plain"), "it is a text/plain");
    refuses(await attest({ ...statement, predicateType: "https://x.example" }), "it is a https://x.example");
  });

  it("refuses one that was changed after it was signed", async () => {
    const { attestations } = await attest(statement);
    const [{ bundle } = { bundle: undefined }] = attestations;
    const changed = structuredClone(bundle) as unknown as { dsseEnvelope: { payload: string } };
    const forged = JSON.stringify({ ...statement, predicate: {} });
    changed.dsseEnvelope.payload = Buffer.from(forged).toString("base64");
    refuses({ attestations: [{ predicateType, bundle: changed as never }] }, "DSSE payload hash mismatch");
  });

  it("refuses one that another Sigstore signed, or that is in no log", async () => {
    const stranger = TrustedRoot.fromJSON((await FakeSigstore.open()).trustedRoot);
    refuses(await attest(statement), /./, stranger);
    const { attestations } = await attest(statement);
    const bundle = structuredClone(attestations[0]?.bundle) as unknown as {
      verificationMaterial: { tlogEntries: unknown[] };
    };
    bundle.verificationMaterial.tlogEntries = [];
    refuses({ attestations: [{ predicateType, bundle: bundle as never }] }, /./);
  });

  it("refuses what is no bundle at all", () => {
    refuses({ attestations: [{ predicateType, bundle: {} as never }] }, /./);
  });
});

describe("readTrustedRoot()", () => {
  const folder = mkdtempSync(join(tmpdir(), "finial-root-"));
  after(() => rmSync(folder, { recursive: true }));

  it("reads a file, and says when it is none", async () => {
    const file = join(folder, "trusted_root.json");
    writeFileSync(file, JSON.stringify(sigstore.trustedRoot));
    assert.deepEqual(await readTrustedRoot(file, folder), trustedRoot);
    writeFileSync(file, "no");
    await assert.rejects(readTrustedRoot(file, folder), {
      code: 3,
      message: new RegExp(`^${RegExp.escape(file)} is no trusted root of Sigstore: `),
    });
  });
});

describe("ProvenancePolicy", () => {
  const id = { name: "@vendor/name", version: "1.2.3" };
  const found = { signer, issuer, source: `git+${source}.git@refs/heads/main` };

  it("takes all when nothing is demanded", () => {
    const policy = new ProvenancePolicy({ required: false, source: "" });
    policy.require(id, undefined);
    policy.require(id, found);
  });

  it("refuses what has none when it is required, by its source, too", () => {
    const message = "@vendor/name@1.2.3 has no provenance: nothing says what it was built from, or by whom";
    for (const policy of [
      new ProvenancePolicy({ required: true, source: "" }),
      new ProvenancePolicy({ required: false, source }),
    ]) {
      assert.throws(() => policy.require(id, undefined), { code: 9, reason: "PLUGIN_PROVENANCE", message });
      policy.require(id, found);
    }
  });

  it("refuses what was built from another repository, also from one whose name goes on", () => {
    for (const [other, said] of [
      [`${source}-fork`, `${source}-fork`],
      ["", "nobody says what"],
    ] as const)
      assert.throws(
        () => new ProvenancePolicy({ required: false, source }).require(id, { ...found, source: other }),
        { message: `@vendor/name@1.2.3 was built from ${said}, not from ${source}` },
      );
  });
});
