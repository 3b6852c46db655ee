import type { Figure } from "./figure.ts";

/** What a figure is to reach, on two cores. */
export interface Target {
  readonly name: string;
  readonly atLeast?: number;
  readonly atMost?: number;
}

export const targets: readonly Target[] = [
  { name: "x509_svid_per_s", atLeast: 8000 },
  { name: "x509_svid_cpu_ms", atMost: 0.2 },
  { name: "jwt_svid_per_s", atLeast: 8000 },
  { name: "server_ready_ms", atMost: 1500 },
  { name: "plugin_pss_mib", atMost: 32 },
];

export function isReached({ atLeast = -Infinity, atMost = Infinity }: Target, { value }: Figure): boolean {
  return value >= atLeast && value <= atMost;
}
