import { globSync } from "node:fs";
import { join, relative } from "node:path";
import { run } from "node:test";
import { spec } from "node:test/reporters";
import { installParts } from "./parts.ts";
import { loadScenario, runScenario, scenarioNames } from "./scenario.ts";

const root = join(import.meta.dirname, "..");
const strict = process.env.CI === "true";

/** What a run came to. */
interface Tally {
  passed: number;
  readonly failed: string[];
  readonly skipped: { readonly name: string; readonly reason: string }[];
}

/** Test files whose path holds one of the words; all of them without words. */
function testFiles(words: readonly string[]): string[] {
  return globSync("{proto,sdk,core,plugins,apps,test,scripts}/**/*.test.ts", {
    cwd: root,
    exclude: (path) => path.includes("node_modules") || path.includes("/dist/"),
  })
    .filter((path) => words.length === 0 || words.some((word) => path.includes(word)))
    .sort()
    .map((path) => join(root, path));
}

async function runTests(files: readonly string[], tally: Tally): Promise<void> {
  const events = run({
    files: [...files],
    concurrency: 3,
    execArgv: ["--conditions=source"],
    timeout: 300_000,
  });
  events.on("test:pass", (test) => {
    if (test.details.type === "suite") return;
    if (test.skip !== undefined) tally.skipped.push({ name: test.name, reason: String(test.skip) });
    else tally.passed++;
  });
  events.on("test:fail", (test) => {
    if (test.details.type === "suite") return;
    tally.failed.push(`${relative(root, test.file ?? "")}: ${test.name}`);
  });
  const printed = events.compose(spec);
  const quiet = process.env.VERBOSE === undefined;
  for await (const chunk of printed) {
    const text = String(chunk);
    // A green run is a summary; failures print whole.
    if (!quiet || /[✖]|failing|Error|expected|actual/.test(text)) process.stdout.write(text);
  }
}

async function runQuickScenarios(tally: Tally): Promise<void> {
  for (const name of scenarioNames()) {
    if (!(await loadScenario(name)).quick) continue;
    const result = await runScenario(name, { full: false });
    if (result.status === 0) tally.passed++;
    else if (result.status === 77) tally.skipped.push({ name: `scenario ${name}`, reason: result.reason });
    else tally.failed.push(`scenario ${name}`);
  }
}

async function main(words: readonly string[]): Promise<number> {
  const startedAt = performance.now();
  const files = testFiles(words);
  if (files.length === 0) {
    console.error(`test: no test file's path holds ${words.join(" or ")}`);
    return 2;
  }
  for (const sentence of installParts()) console.log(`parts: ${sentence}`);
  const tally: Tally = { passed: 0, failed: [], skipped: [] };
  console.log(`test: ${files.length} files`);
  await runTests(files, tally);
  if (words.length === 0) await runQuickScenarios(tally);

  for (const { name, reason } of tally.skipped) console.log(`skipped: ${name}: ${reason}`);
  for (const name of tally.failed) console.log(`FAILED: ${name}`);
  const seconds = ((performance.now() - startedAt) / 1000).toFixed(0);
  console.log(`test: ${seconds} s`);
  console.log(`${tally.passed} passed, ${tally.failed.length} failed, ${tally.skipped.length} skipped`);
  // In CI every part is expected, but for the peers' programs that only SPIRE_BIN_DIR can bring.
  const unexcused = tally.skipped.filter(({ reason }) => !reason.includes("SPIRE_BIN_DIR"));
  if (strict && unexcused.length > 0) {
    console.log(`CI=true: ${unexcused.length} skipped for a missing part count as failures`);
    return 1;
  }
  return tally.failed.length === 0 ? 0 : 1;
}

process.exit(await main(process.argv.slice(2)));
