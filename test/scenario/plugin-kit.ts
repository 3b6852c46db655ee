import { availableParallelism } from "node:os";
import { join } from "node:path";
import { type Fault, faults } from "../faults/faults.ts";
import { examples } from "../support/example-plugin.ts";
import { describeFailures, runPluginKit } from "../support/plugin-kit.ts";
import { type Scenario, type ScenarioContext, Skipped } from "../support/scenario.ts";

const faulty = join(import.meta.dirname, "..", "faults", "dist", "plugin.mjs");
/** More than any of them takes to start, on a busy machine, too. */
const patienceSeconds = 8;

export const scenario: Scenario = {
  title: "the conformance kit passes the same plugin in four languages, and finds each of many seeded faults",
  quick: false,
  needs: ["go", "python3", "cargo"],
  async run(context) {
    // The first time, Rust takes its minutes: the faults are looked for meanwhile.
    const prepared = examples.map(({ language, prepare }) => ({
      language,
      command: prepare().then(
        (command) => ({ command }),
        (error: unknown) => ({ error }),
      ),
    }));
    const sound = await runPluginKit(faulty, "none");
    if (sound.status !== 0) throw new Error(`the plugin without a fault fails: ${describeFailures(sound)}`);
    context.step(`the plugin without a fault passes all ${sound.passed} checks`);
    context.say(
      context.full
        ? "each fault is looked for by the whole kit"
        : "each fault is looked for by the check it is for, and those that it needs",
    );
    const found = await findFaults(context);
    const passed: string[] = [];
    const missing: string[] = [];
    for (const { language, command } of prepared) {
      const why = await passExample(language, await command, context);
      if (why === undefined) passed.push(language);
      else missing.push(`${language} (${why})`);
    }
    const figure = `${found} seeded faults found, each with its sentence; ${passed.join(", ")} pass the kit`;
    if (missing.length > 0) throw new Skipped(`${figure}; not here: ${missing.join("; ")}`);
    return figure;
  },
};

/** @returns how many there are; all are found. */
async function findFaults({ step, say, full }: ScenarioContext): Promise<number> {
  const waiting = Object.entries<Fault>(faults);
  const count = waiting.length;
  const work = async (): Promise<void> => {
    for (let next = waiting.shift(); next !== undefined; next = waiting.shift())
      say(await findFault(...next, full));
  };
  await Promise.all(Array.from({ length: availableParallelism() }, work));
  step(`found all ${count} seeded faults`);
  return count;
}

async function findFault(name: string, { check, reason, says }: Fault, full: boolean): Promise<string> {
  const only = full ? [] : ["-only", check];
  const { status, checks } = await runPluginKit(
    "-timeout",
    `${patienceSeconds}s`,
    ...only,
    "-name",
    "faulty",
    faulty,
    name,
  );
  const failed = checks.find((one) => one.name.startsWith(check) && one.status === "failed");
  const { finding } = failed ?? {};
  if (status !== 1 || finding?.reason !== reason || !says.test(finding.what)) {
    const seen = checks.flatMap((one) =>
      one.finding ? [`${one.name} ${one.finding.reason}: ${one.finding.what}`] : [],
    );
    throw new Error(
      `${name}: ${check} ${reason} is not found; status ${status}, ${seen.join("; ") || "no findings"}`,
    );
  }
  return `${name}: ${finding.what}`;
}

type Prepared = { readonly command: readonly string[] } | { readonly error: unknown };

/** @returns why it cannot be tried here; undefined when it passed. */
async function passExample(
  language: string,
  prepared: Prepared,
  { step }: ScenarioContext,
): Promise<string | undefined> {
  if ("error" in prepared) {
    if (prepared.error instanceof Skipped) return prepared.error.message;
    throw prepared.error;
  }
  const report = await runPluginKit("-name", "owner", ...prepared.command);
  if (report.status !== 0) throw new Error(`the plugin in ${language} fails: ${describeFailures(report)}`);
  step(`the plugin in ${language} passes ${report.passed} checks, ${report.skipped} skipped`);
  return undefined;
}
