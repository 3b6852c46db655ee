import { generateKeyPairSync, sign, verify } from "node:crypto";
import type { Figure } from "../figure.ts";

const count = 3000;

/**
 * The machine: what the two ECDSA operations of an X.509-SVID cost alone, here and now, which is the floor below
 * `x509_svid_cpu_ms`, and how much of a core one busy thread got, which is less than all of it when others use the cores.
 */
export function measureP256(): readonly Figure[] {
  const { privateKey, publicKey } = generateKeyPairSync("ec", { namedCurve: "P-256" });
  const message = Buffer.alloc(400);
  const startedAt = performance.now();
  const before = process.cpuUsage();
  for (let index = 0; index < count; index++) {
    const signature = sign("sha256", message, privateKey);
    if (!verify("sha256", message, publicKey, signature)) throw new Error("a signature does not hold");
  }
  const { user, system } = process.cpuUsage(before);
  const cpuMs = (user + system) / 1000;
  const share = cpuMs / (performance.now() - startedAt);
  return [
    { name: "p256_sign_verify_cpu_ms", value: cpuMs / count, unit: "ms" },
    { name: "core_share_percent", value: Math.min(100, share * 100), unit: "%" },
  ];
}
