import { readFileSync } from "node:fs";
import { resolve } from "node:path";
import { createLogger, LogThreshold } from "../../kernel/telemetry/log.ts";
import type { CheckResult } from "../../kit/check.ts";
import { Flaw } from "../../kit/flaw.ts";
import { runKit } from "../../kit/kit.ts";
import { requireRunnable } from "../../kit/program.ts";
import { command } from "../command.ts";
import { text, texts } from "../flag.ts";
import { outputFlag, printJson } from "../output.ts";
import { explain } from "./finding.ts";
import { labFlags, openLab } from "./plugin-lab.ts";

const defaultMetadata = ["name:finial-plugin-test"];

export const pluginTest = command({
  name: "plugin test",
  synopsis: "Holds a plugin, in any language, to all that a host expects of it",
  operands: "<command…> | <package folder>",
  flags: {
    ...labFlags,
    config: text("A file with its configuration: what stands in plugin_data { }"),
    trustDomain: text("The trust domain it is told", "example.org"),
    payload: text("For a server's NodeAttestor: a file with what an agent that it lets in brings along"),
    metadata: texts("For an SVIDStore: where to put an SVID, such as name:x"),
    only: text("Only the checks whose names, as in the JSON output, begin with this, and what they need"),
    output: outputFlag,
  },
  run: async ({ flags, operands, io }) => {
    const { config: configFile, trustDomain } = flags;
    await using lab = await openLab(flags, operands, io, { configFile, trustDomain });
    const { payload, metadata, only, output } = flags;
    const results: CheckResult[] = [];
    const startedAt = performance.now();
    const report = (result: CheckResult): void => {
      results.push(result);
      if (output === "pretty") io.stdout.write(lineOf(result));
    };
    const runnable = runnableResult(lab.target, io.env.PATH);
    if (runnable !== undefined) report(runnable);
    else
      for await (const result of runKit(lab, {
        payload: payload === "" ? undefined : readFileSync(resolve(io.cwd, payload)),
        metadata: metadata.length === 0 ? defaultMetadata : metadata,
        // What the host logs of a plugin is in what a check finds.
        logger: createLogger({
          format: "text",
          threshold: new LogThreshold("error"),
          now: io.now,
          write: () => {},
        }),
        only,
        signal: io.untilInterrupted(),
      }))
        report(result);
    const count = (status: CheckResult["status"]): number =>
      results.filter((one) => one.status === status).length;
    const failed = count("failed");
    const stopped = results.at(-1)?.isLast === true;
    const seconds = (performance.now() - startedAt) / 1000;
    if (output === "json")
      printJson(
        { plugin: describe(lab), passed: count("ok"), failed, skipped: count("skipped"), checks: results },
        io.stdout,
      );
    else
      io.stdout.write(
        `${stopped ? "\nNothing after this could be looked at: mend it, and test again.\n" : ""}\n${lab.target.name}: ${count("ok")} ok, ${failed} failed, ${count("skipped")} skipped, in ${seconds.toFixed(1)} s\n`,
      );
    return failed === 0 ? 0 : 1;
  },
});

function describe({ target, kind }: Awaited<ReturnType<typeof openLab>>) {
  return {
    name: target.name,
    side: kind?.side ?? target.side,
    type: kind?.name ?? target.type,
    file: target.file,
  };
}

function lineOf({ status, title, finding, note }: CheckResult): string {
  if (status === "ok") return `ok       ${title}\n`;
  if (finding === undefined) return `skipped  ${title}: ${note}\n`;
  return `FAILED   ${title}\n${explain(finding, "         ")}`;
}

/** Nothing else can be looked at in a file that cannot run. */
function runnableResult(
  target: Parameters<typeof requireRunnable>[0],
  path: string | undefined,
): CheckResult | undefined {
  try {
    requireRunnable(target, path);
    return undefined;
  } catch (error) {
    if (!(error instanceof Flaw)) throw error;
    return {
      name: "program",
      title: "is a program that can run",
      status: "failed",
      durationMs: 0,
      finding: error.finding,
    };
  }
}
