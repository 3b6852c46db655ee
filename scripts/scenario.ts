import { readdirSync } from "node:fs";
import { join } from "node:path";
import { isInterrupted } from "../test/support/interruption.ts";
import { type Scenario, Skipped } from "../test/support/scenario.ts";
import { installParts } from "./parts.ts";

const folder = join(import.meta.dirname, "..", "test", "scenario");

/** Scenarios by name: the file's. */
export function scenarioNames(): string[] {
  return readdirSync(folder)
    .filter((file) => file.endsWith(".ts"))
    .map((file) => file.slice(0, -".ts".length))
    .sort();
}

export async function loadScenario(name: string): Promise<Scenario> {
  const module: { scenario: Scenario } = await import(join(folder, `${name}.ts`));
  return module.scenario;
}

/** The exit status: 0 holds, 1 does not, 77 could not be tried, for a reason. */
export type ScenarioResult = { readonly status: 0 | 1 } | { readonly status: 77; readonly reason: string };

/** Runs one and prints its steps. */
export async function runScenario(
  name: string,
  options: { readonly full: boolean },
): Promise<ScenarioResult> {
  const scenario = await loadScenario(name);
  for (const sentence of installParts(scenario.needs ?? [])) console.log(`parts: ${sentence}`);
  let steps = 0;
  console.log(`${name}: ${scenario.title}`);
  const startedAt = performance.now();
  const seconds = (): string => `${((performance.now() - startedAt) / 1000).toFixed(1)} s`;
  try {
    const figure = await scenario.run({
      full: options.full,
      step: (text) => console.log(`  ${++steps}. ${text}`),
      say: (text) => console.log(`       ${text}`),
    });
    console.log(`${name}: HOLDS in ${seconds()}: ${figure}`);
    return { status: 0 };
  } catch (error) {
    if (error instanceof Skipped) {
      console.log(`${name}: SKIPPED: ${error.message}`);
      return { status: 77, reason: error.message };
    }
    if (isInterrupted()) {
      console.log(`${name}: interrupted`);
      return { status: 1 };
    }
    console.error(error);
    console.log(`${name}: DOES NOT HOLD (${seconds()}, step ${steps})`);
    return { status: 1 };
  }
}

async function main(args: readonly string[]): Promise<number> {
  const flags = args.filter((arg) => arg.startsWith("--"));
  const unknownFlag = flags.find((flag) => !["--full", "--all"].includes(flag));
  const names = args.filter((arg) => !arg.startsWith("--"));
  const known = scenarioNames();
  const unknownName = names.find((name) => !known.includes(name));
  if (unknownFlag !== undefined || unknownName !== undefined) {
    console.error(
      unknownFlag === undefined
        ? `scenario: there is no scenario "${unknownName}"; there are: ${known.join(", ")}`
        : `scenario: unknown flag ${unknownFlag}; there are --full and --all`,
    );
    return 2;
  }
  const chosen = flags.includes("--all") ? known : names;
  if (chosen.length === 0) {
    console.log("Scenarios (npm run scenario -- NAME [--full]):");
    for (const name of known) console.log(`  ${name.padEnd(16)} ${(await loadScenario(name)).title}`);
    console.log("Beside these: npm run quickstart, npm test, npm run bench, docs/architecture.md");
    return 0;
  }
  const results: number[] = [];
  for (const name of chosen)
    results.push((await runScenario(name, { full: flags.includes("--full") })).status);
  return results.includes(1) ? 1 : results.every((result) => result === 77) ? 77 : 0;
}

if (import.meta.main) process.exit(await main(process.argv.slice(2)));
