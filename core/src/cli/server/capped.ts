/** Whole seconds, and the time the answer took, make a little less of what was granted in full. */
const slackMs = 5000;

/** Whether something lives clearly shorter than was asked for. */
export function isCapped(expiresAt: Date, ttlMs: number, now: Date): boolean {
  return expiresAt.getTime() - now.getTime() < ttlMs - slackMs;
}
