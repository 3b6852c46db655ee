import { type Finding, Flaw } from "./flaw.ts";
import { requireHandshake, requireNothingElse, requirePrivate } from "./handshake.ts";
import type { Lab } from "./lab.ts";
import { requireRunnable } from "./program.ts";
import { Session } from "./session.ts";

/** What was found out about a plugin's start: the line it said, or what went wrong. */
export type Diagnosis =
  | {
      readonly ok: true;
      readonly line: string;
      readonly services: readonly string[];
      readonly startMs: number;
    }
  | { readonly ok: false; readonly finding: Finding };

/** Starts a plugin as far as Init, and explains where it fails. */
export async function diagnose(lab: Lab, path: string | undefined): Promise<Diagnosis> {
  try {
    requireRunnable(lab.target, path);
    const startedAt = performance.now();
    await requireStart(lab);
    await using session = await Session.open(lab);
    const startMs = Math.round(performance.now() - startedAt);
    requirePrivate({ address: session.socket });
    const services = [...(await session.init())];
    requireNothingElse(session.probe);
    const [line = ""] = session.probe.stdout.split("\n");
    return { ok: true, line, services, startMs };
  } catch (error) {
    if (error instanceof Flaw) return { ok: false, finding: error.finding };
    throw error;
  }
}

/** With one cookie: a plugin that only starts with another one is of another type. */
async function requireStart(lab: Lab): Promise<void> {
  await using probe = await lab.probe();
  await requireHandshake(probe, { startMs: lab.patienceMs, cookie: lab.cookie });
}
