import { randomBytes } from "node:crypto";
import { setTimeout as sleep } from "node:timers/promises";
import type { JWTKey } from "@finial/proto/plugin/types/jwtkey";
import { Code, definePlugin, type Plugin, StatusError } from "@finial/sdk";
import {
  authorityKeyIdExtension,
  basicConstraintsExtension,
  CertificateRequest,
  createCertificate,
  keyUsageExtension,
  subjectAltNameExtension,
  subjectKeyIdExtension,
} from "@finial/sdk/crypto";
import { UpstreamAuthority } from "@finial/sdk/server";
import { signerOf, type TestCa, testCa } from "@finial/sdk/testing";
import { PluginRecord, parseConfig } from "./record.ts";

/** When a root that was not there at first is told of. */
const secondRootAfterMs = 1000;
const defaultTtlSeconds = 3600;
const backdateMs = 10_000;

/** Signs CAs with a root made at its start, and tells of another root soon after. */
export const upstreamAuthority: Plugin = definePlugin({
  type: UpstreamAuthority,
  name: "matrix",
  parseConfig,
  open: (host) => {
    const record = new PluginRecord(host);
    const making = Promise.all([testCa(), testCa()]);
    const jwtKeys: JWTKey[] = [];
    return {
      configure: (config) => record.configure(config),
      close: () => record.close(),
      service: {
        mintX509CAAndSubscribe: async function* ({ csr, preferredTtl }, { signal }) {
          record.asked("MintX509CAAndSubscribe", preferredTtl);
          const roots = await making;
          const minted = await sign(roots[0], csr, preferredTtl || defaultTtlSeconds, host.clock.now());
          yield { x509CaChain: [{ asn1: minted }], upstreamX509Roots: wireRoots(roots.slice(0, 1)) };
          await sleep(secondRootAfterMs, undefined, { signal });
          yield { upstreamX509Roots: wireRoots(roots) };
          await untilAborted(signal);
        },
        publishJWTKeyAndSubscribe: async function* ({ jwtKey }, { signal }) {
          record.asked("PublishJWTKeyAndSubscribe", jwtKey?.keyId);
          if (jwtKey !== undefined) jwtKeys.push(jwtKey);
          yield { upstreamJwtKeys: jwtKeys };
          await untilAborted(signal);
        },
        subscribeToLocalBundle: async function* (_, { signal }) {
          record.asked("SubscribeToLocalBundle");
          yield { upstreamX509Roots: wireRoots(await making), upstreamJwtKeys: jwtKeys };
          await untilAborted(signal);
        },
      },
    };
  },
});

function wireRoots(roots: readonly TestCa[]): { readonly asn1: Buffer }[] {
  return roots.map(({ rootDer }) => ({ asn1: rootDer }));
}

async function sign(root: TestCa, csrDer: Buffer, ttlSeconds: number, now: Date): Promise<Buffer> {
  const request = CertificateRequest.parse(csrDer);
  if (!(await request.verify()))
    throw new StatusError(Code.InvalidArgument, "CSR", "the CSR's signature does not hold");
  const signer = signerOf(root.privateKey);
  return await createCertificate(
    {
      serialNumber: Buffer.concat([Buffer.from([1]), randomBytes(15)]),
      issuerDer: root.root.subjectDer,
      subjectDer: request.subjectDer,
      notBefore: new Date(now.getTime() - backdateMs),
      notAfter: new Date(now.getTime() + ttlSeconds * 1000),
      pkixDer: request.publicKey.pkixDer,
      extensions: [
        keyUsageExtension(["keyCertSign", "cRLSign"]),
        basicConstraintsExtension(true),
        subjectKeyIdExtension(request.publicKey.subjectKeyId),
        authorityKeyIdExtension(signer.publicKey.subjectKeyId),
        subjectAltNameExtension(request.subjectAltName, false),
      ],
    },
    signer,
  );
}

async function untilAborted(signal: AbortSignal): Promise<void> {
  if (signal.aborted) return;
  await new Promise<void>((resolve) => signal.addEventListener("abort", () => resolve(), { once: true }));
}
