import { invalid } from "../../kernel/config/invalid.ts";

export type WorkloadKeyType = "rsa-2048" | "ec-p256" | "ec-p384";

const keyTypes: readonly WorkloadKeyType[] = ["rsa-2048", "ec-p256", "ec-p384"];
const dayMs = 24 * 3_600_000;
const defaultCacheSize = 1000;
const defaultHitTimeoutMs = 30_000;

export function parseWorkloadKeyType(text: string | undefined): WorkloadKeyType {
  if (!text) return "ec-p256";
  const found = keyTypes.find((known) => known === text.toLowerCase());
  if (found === undefined)
    throw invalid(`key type "${text}" is unknown; must be one of [${keyTypes.join(", ")}]`);
  return found;
}

/** 0 is the default, too. */
export function checkCacheSize(key: string, size: number | undefined): number {
  if (size !== undefined && size < 0) throw invalid(`${key} should not be negative`);
  return size || defaultCacheSize;
}

export function checkAvailabilityTarget(targetMs: number | undefined): number | undefined {
  if (targetMs !== undefined && targetMs < dayMs)
    throw invalid("availability_target must be at least 24h0m0s");
  return targetMs;
}

export function checkCacheHitTimeout(timeoutMs: number | undefined): number {
  if (timeoutMs === undefined) return defaultHitTimeoutMs;
  const refused = (why: string): Error =>
    invalid(`jwt_svid_cache_hit_timeout (${timeoutMs / 1000}s) must be ${why}`);
  if (timeoutMs < 5_000) throw refused("greater than 5s");
  if (timeoutMs >= defaultHitTimeoutMs) throw refused("less than 30s");
  return timeoutMs;
}
