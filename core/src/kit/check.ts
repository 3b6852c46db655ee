import { StatusError } from "@finial/sdk";
import { type Finding, Flaw, NotHere } from "./flaw.ts";

/** One thing a plugin has to do right. */
export interface Check {
  /** A stable word, such as `handshake`; a case of a contract has its type's name before it. */
  readonly name: string;
  /** What a plugin does that passes: `refuses to run without its cookie`. */
  readonly title: string;
  /** Whether nothing that follows can be looked at when this does not hold. */
  readonly isNecessary?: boolean;
  /** @throws {Flaw} when it does not hold, {NotHere} when there is nothing to look at. */
  run(): Promise<void>;
}

export interface CheckResult {
  readonly name: string;
  readonly title: string;
  readonly status: "ok" | "failed" | "skipped";
  readonly durationMs: number;
  readonly finding?: Finding;
  /** Why it was skipped. */
  readonly note?: string;
  /** Whether nothing after it could be looked at. */
  readonly isLast?: boolean;
}

export async function runCheck(check: Check): Promise<CheckResult> {
  const { name, title } = check;
  const startedAt = performance.now();
  const done = (): { readonly name: string; readonly title: string; readonly durationMs: number } => ({
    name,
    title,
    durationMs: Math.round(performance.now() - startedAt),
  });
  try {
    await check.run();
    return { ...done(), status: "ok" };
  } catch (error) {
    if (error instanceof NotHere) return { ...done(), status: "skipped", note: error.message };
    return {
      ...done(),
      status: "failed",
      finding: findingOf(error),
      ...(check.isNecessary && { isLast: true }),
    };
  }
}

/** Of a check that fails with a status, which is what the plugin said. */
function findingOf(error: unknown): Finding {
  if (error instanceof Flaw) return error.finding;
  const { reason, message } = StatusError.from(error);
  return {
    reason,
    what: `${message}.`,
    why: "The host gets the same answer, and can do nothing with it.",
    mend: "Look for this sentence in the plugin.",
  };
}
