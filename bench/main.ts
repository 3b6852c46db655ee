import { cpus } from "node:os";
import type { Figure } from "./figure.ts";
import { measureJwtSvids } from "./figures/jwt-svid.ts";
import { measureMemory } from "./figures/memory.ts";
import { measurePluginCalls } from "./figures/plugin-call.ts";
import { measureServerReady } from "./figures/server-ready.ts";
import { measureWorkloadFetches } from "./figures/workload-fetch.ts";
import { measureX509Svids } from "./figures/x509-svid.ts";
import { measureP256 } from "./p256.ts";
import { findSpire, finial, Stage, type Subject } from "./subject.ts";
import { lineOf, targetLines } from "./table.ts";

/** @returns the exit status: 2 for a flag that is not known. */
async function main(args: readonly string[]): Promise<number> {
  const unknown = args.find((arg) => arg !== "--json");
  if (unknown !== undefined) {
    console.error(`bench: unknown argument ${unknown}; there is --json`);
    return 2;
  }
  const json = args.includes("--json");
  const say = (text: string): void => {
    if (!json) console.log(text);
  };
  const figures: Figure[] = [];
  const add = (measured: readonly Figure[]): void => {
    figures.push(...measured);
    for (const figure of measured) console.log(json ? JSON.stringify(figure) : lineOf(figure, figures));
  };
  const processors = cpus();
  say(`${processors.length} cores, ${processors[0]?.model.trim()}, Node ${process.version}`);
  add([measureP256()]);
  add(await measurePluginCalls());
  await measureSubject(finial, add);
  const spire = findSpire();
  if (spire === undefined) say("SPIRE: skipped, as SPIRE_BIN_DIR does not say where its programs are");
  else await measureSubject(spire, add);
  for (const line of targetLines(figures)) say(line);
  return 0;
}

async function measureSubject(subject: Subject, add: (figures: readonly Figure[]) => void): Promise<void> {
  const named = (figures: readonly Figure[]): void =>
    add(figures.map((figure) => ({ ...figure, name: `${subject.prefix}${figure.name}` })));
  named(await measureServerReady(subject));
  await using stage = await Stage.start(subject);
  named(measureMemory(stage, ""));
  named(await measureX509Svids(stage));
  named(await measureJwtSvids(stage));
  named(await measureWorkloadFetches(stage));
  named(measureMemory(stage, "loaded_"));
}

process.exit(await main(process.argv.slice(2)));
