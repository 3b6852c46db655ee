import { createHash, generateKeyPairSync, type KeyObject, sign, X509Certificate } from "node:crypto";
import type { SerializedBundle } from "@sigstore/bundle";
import { initializeCA, initializeCTLog, initializeTLog } from "@sigstore/mock";

type Ca = Awaited<ReturnType<typeof initializeCA>>;
type TransparencyLog = Awaited<ReturnType<typeof initializeTLog>>;
type Keys = { readonly publicKey: KeyObject; readonly privateKey: KeyObject };

const started = { start: "2020-01-01T00:00:00.000Z" };
/** Where Fulcio writes down who vouched for an identity. */
const issuerExtension = "1.3.6.1.4.1.57264.1.8";

/** A Sigstore of a test's own: a certificate authority and both logs, with keys that only it has. */
export class FakeSigstore {
  /** A `trusted_root.json`. */
  readonly trustedRoot: object;
  readonly #ca: Ca;
  readonly #log: TransparencyLog;

  private constructor(ca: Ca, log: TransparencyLog, trustedRoot: object) {
    this.#ca = ca;
    this.#log = log;
    this.trustedRoot = trustedRoot;
  }

  static async open(): Promise<FakeSigstore> {
    const ctKeys = newKeys();
    const logKeys = newKeys();
    const ca = await initializeCA(newKeys(), await initializeCTLog(ctKeys));
    const log = await initializeTLog("https://log.example.org", logKeys);
    const root = Buffer.from(ca.rootCertificate as Uint8Array).toString("base64");
    return new FakeSigstore(ca, log, {
      mediaType: "application/vnd.dev.sigstore.trustedroot+json;version=0.1",
      tlogs: [describeLog(logKeys)],
      ctlogs: [describeLog(ctKeys)],
      certificateAuthorities: [
        {
          subject: { organization: "sigstore.mock", commonName: "sigstore" },
          uri: "https://ca.example.org",
          certChain: { certificates: [{ rawBytes: root }] },
          validFor: started,
        },
      ],
      timestampAuthorities: [],
    });
  }

  /** A statement, signed in somebody's name and logged. */
  async sign(
    statement: object,
    {
      signer,
      issuer,
      payloadType = "application/vnd.in-toto+json",
    }: { readonly signer: string; readonly issuer: string; readonly payloadType?: string },
  ): Promise<SerializedBundle> {
    const keys = newKeys();
    const certificate = Buffer.from(
      (await this.#ca.issueCertificate({
        publicKey: keys.publicKey.export({ format: "der", type: "spki" }) as Buffer<ArrayBuffer>,
        subjectAltName: signer,
        extensions: [{ oid: issuerExtension, value: issuer }],
      })) as Uint8Array,
    );
    const payload = Buffer.from(JSON.stringify(statement));
    const encoded = Buffer.concat([
      Buffer.from(`DSSEv1 ${payloadType.length} ${payloadType} ${payload.length} `),
      payload,
    ]);
    const sig = sign("sha256", encoded, keys.privateKey).toString("base64");
    const verifier = Buffer.from(new X509Certificate(certificate).toString()).toString("base64");
    const logged = await this.#log.log({
      apiVersion: "0.0.1",
      kind: "dsse",
      spec: {
        envelopeHash: { algorithm: "sha256", value: sha256(encoded) },
        payloadHash: { algorithm: "sha256", value: sha256(payload) },
        signatures: [{ signature: sig, verifier }],
      },
    });
    const [entry] = Object.values(logged) as LogEntry[];
    if (entry === undefined) throw new TypeError("nothing was logged");
    const { inclusionProof: proof, signedEntryTimestamp } = entry.verification;
    const base64 = (hex: string): string => Buffer.from(hex, "hex").toString("base64");
    return {
      mediaType: "application/vnd.dev.sigstore.bundle.v0.3+json",
      verificationMaterial: {
        certificate: { rawBytes: certificate.toString("base64") },
        tlogEntries: [
          {
            logIndex: String(entry.logIndex),
            logId: { keyId: base64(entry.logID) },
            kindVersion: { kind: "dsse", version: "0.0.1" },
            integratedTime: String(entry.integratedTime),
            inclusionPromise: { signedEntryTimestamp },
            inclusionProof: {
              logIndex: String(proof.logIndex),
              rootHash: base64(proof.rootHash),
              treeSize: String(proof.treeSize),
              hashes: [],
              checkpoint: { envelope: proof.checkpoint },
            },
            canonicalizedBody: entry.body,
          },
        ],
      },
      dsseEnvelope: { payload: payload.toString("base64"), payloadType, signatures: [{ sig, keyid: "" }] },
    } as unknown as SerializedBundle;
  }
}

/** What a transparency log answers. */
interface LogEntry {
  readonly body: string;
  readonly integratedTime: number;
  /** In hex. */
  readonly logID: string;
  readonly logIndex: number;
  readonly verification: {
    readonly signedEntryTimestamp: string;
    readonly inclusionProof: {
      readonly logIndex: number;
      /** In hex. */
      readonly rootHash: string;
      readonly treeSize: number;
      readonly checkpoint: string;
    };
  };
}

function describeLog({ publicKey }: Keys): object {
  const der = publicKey.export({ format: "der", type: "spki" });
  return {
    baseUrl: "https://log.example.org",
    hashAlgorithm: "SHA2_256",
    publicKey: {
      rawBytes: der.toString("base64"),
      keyDetails: "PKIX_ECDSA_P256_SHA_256",
      validFor: started,
    },
    logId: { keyId: createHash("sha256").update(der).digest("base64") },
  };
}

function newKeys(): Keys {
  return generateKeyPairSync("ec", { namedCurve: "P-256" });
}

function sha256(bytes: Buffer): string {
  return createHash("sha256").update(bytes).digest("hex");
}
