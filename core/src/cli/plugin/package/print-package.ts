import { printPackageId } from "../../../kernel/pluginstore/package-id.ts";
import type { LockedPackage, Provenance } from "../../../kernel/pluginstore/plugin-lock.ts";
import type { TextSink } from "../../io.ts";
import { printJson } from "../../output.ts";
import type { Installed } from "./installer.ts";

/** What became of each package. */
export function printInstalled(
  installed: readonly Installed[],
  output: "pretty" | "json",
  stdout: TextSink,
): void {
  if (output === "json") {
    printJson(
      installed.map(({ locked, fetched }) => ({ ...describeLocked(locked), fetched })),
      stdout,
    );
    return;
  }
  for (const { locked, fetched } of installed)
    stdout.write(
      `${printPackageId(locked)}: ${fetched ? "fetched, verified and stored" : "in the store, each byte as it was locked"}; provenance: ${describeProvenance(locked.provenance)}\n`,
    );
}

/** A package as commands print it in JSON. */
export function describeLocked({ name, version, integrity, treeSha256, provenance }: LockedPackage) {
  return { package: name, version, integrity, treeSha256, provenance: provenance ?? null };
}

/** For people: who signed, or that nobody did. */
export function describeProvenance(provenance: Provenance | undefined): string {
  if (provenance === undefined) return "none";
  return provenance.source === "" ? `signed by ${provenance.signer}` : `built from ${provenance.source}`;
}
