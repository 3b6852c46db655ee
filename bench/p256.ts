import { generateKeyPairSync, sign, verify } from "node:crypto";
import type { Figure } from "./figure.ts";

const count = 3000;

/**
 * What the two ECDSA operations of an X.509-SVID cost alone, here and now: the floor below `x509_svid_cpu_ms`, and a measure
 * of the machine, whose cores others may be using.
 */
export function measureP256(): Figure {
  const { privateKey, publicKey } = generateKeyPairSync("ec", { namedCurve: "P-256" });
  const message = Buffer.alloc(400);
  const before = process.cpuUsage();
  for (let index = 0; index < count; index++) {
    const signature = sign("sha256", message, privateKey);
    if (!verify("sha256", message, publicKey, signature)) throw new Error("a signature does not hold");
  }
  const { user, system } = process.cpuUsage(before);
  return { name: "p256_sign_verify_cpu_ms", value: (user + system) / 1000 / count, unit: "ms" };
}
