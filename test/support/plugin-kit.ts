import { finialCommand } from "./binaries.ts";
import { runCommand } from "./child.ts";

/** One check of `finial plugin test -output json`. */
export interface KitCheck {
  readonly name: string;
  readonly title: string;
  readonly status: "ok" | "failed" | "skipped";
  readonly finding?: {
    readonly reason: string;
    readonly what: string;
    readonly why: string;
    readonly mend: string;
  };
  readonly note?: string;
}

export interface KitReport {
  readonly status: number;
  readonly plugin: { readonly side?: string; readonly type?: string };
  readonly passed: number;
  readonly failed: number;
  readonly skipped: number;
  readonly checks: readonly KitCheck[];
}

/** Runs the conformance kit over a plugin. @param args flags, and the command or package. */
export async function runPluginKit(...args: readonly string[]): Promise<KitReport> {
  const { status, stdout, stderr } = await runCommand([
    ...finialCommand("finial"),
    ...["plugin", "test", "-output", "json"],
    ...args,
  ]);
  if (stdout === "") throw new Error(`the kit says nothing: ${stderr}`);
  return { ...JSON.parse(stdout), status };
}

/** What did not pass, in words. */
export function describeFailures({ checks }: KitReport): string {
  return checks
    .filter(({ status }) => status === "failed")
    .map(({ title, finding }) => `${title}: ${finding?.what}`)
    .join("; ");
}
