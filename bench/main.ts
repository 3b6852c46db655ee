import { cpus } from "node:os";
import { isInterrupted } from "@finial/test/support/interruption";
import type { Figure } from "./figure.ts";
import { measureJwtSvids } from "./figures/jwt-svid.ts";
import { measureMemory } from "./figures/memory.ts";
import { measureP256 } from "./figures/p256.ts";
import { measurePluginCalls } from "./figures/plugin-call.ts";
import { measurePluginLives } from "./figures/plugin-life.ts";
import { measureServerReady } from "./figures/server-ready.ts";
import { measureWorkloadFetches } from "./figures/workload-fetch.ts";
import { measureX509Svids } from "./figures/x509-svid.ts";
import { findSpire, finial, Stage, type Subject, spirePrefix } from "./subject.ts";
import { tableOf } from "./table.ts";

const known: ReadonlySet<string> = new Set(["--json", "--plugins"]);

/** @returns the exit status: 2 for an argument that is not known. A target that is missed is no failure: machines differ. */
async function main(args: readonly string[]): Promise<number> {
  const unknown = args.find((arg) => !known.has(arg));
  if (unknown !== undefined) {
    console.error(`bench: unknown argument ${unknown}; there are --json and --plugins`);
    return 2;
  }
  const json = args.includes("--json");
  const say = (text: string): void => {
    if (!json) console.log(text);
  };
  const figures: Figure[] = [];
  const add = (measured: readonly Figure[]): void => {
    figures.push(...measured);
    if (json) for (const figure of measured) console.log(JSON.stringify(figure));
  };
  const [processor, ...others] = cpus();
  say(`${others.length + 1} cores, ${processor?.model.trim()}, Node ${process.version}`);
  add(measureP256());
  say("calls of a plugin");
  add(await measurePluginCalls());
  say("lives of plugins");
  add(await measurePluginLives());
  if (args.includes("--plugins")) {
    for (const line of ["", ...tableOf(figures, spirePrefix)]) say(line);
    return 0;
  }
  await measureSubject(finial, { say, add });
  const spire = findSpire();
  if (spire !== undefined) await measureSubject(spire, { say, add });
  for (const line of ["", ...tableOf(figures, spirePrefix)]) say(line);
  if (spire === undefined) say("SPIRE was not measured: SPIRE_BIN_DIR does not say where its programs are");
  return 0;
}

async function measureSubject(
  subject: Subject,
  { say, add }: { readonly say: (text: string) => void; readonly add: (figures: readonly Figure[]) => void },
): Promise<void> {
  const measure = async (what: string, measured: () => Promise<readonly Figure[]>): Promise<void> => {
    say(`${subject.title}: ${what}`);
    add((await measured()).map((figure) => ({ ...figure, name: `${subject.prefix}${figure.name}` })));
  };
  await measure("start of the server", () => measureServerReady(subject));
  await using stage = await Stage.start(subject);
  await measure("memory", async () => measureMemory(stage, ""));
  await measure("X.509-SVIDs", () => measureX509Svids(stage));
  await measure("JWT-SVIDs", () => measureJwtSvids(stage));
  await measure("fetches by workloads", () => measureWorkloadFetches(stage));
  await measure("memory after all this", async () => measureMemory(stage, "loaded_"));
}

try {
  process.exitCode = await main(process.argv.slice(2));
} catch (error) {
  console.error(isInterrupted() ? "bench: interrupted; nothing is left behind" : error);
  process.exitCode = 1;
}
