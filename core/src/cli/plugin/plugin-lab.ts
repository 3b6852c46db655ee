import { readFileSync } from "node:fs";
import { resolve } from "node:path";
import { findKind } from "../../kit/kind.ts";
import { Lab } from "../../kit/lab.ts";
import { findTarget } from "../../kit/target.ts";
import { duration, type FlagValues, text, texts, toggle } from "../flag.ts";
import type { CommandIo } from "../io.ts";

const defaultPatienceMs = 10_000;

/** What both commands that start a plugin need to know of it. */
export const labFlags = {
  side: text("Which side it is for: server or agent. Without it, what it offers decides"),
  type: text("Its type, such as KeyManager. Without it, what it offers decides"),
  name: text("Its name, as operators write it. Without it, that of its manifest or its file"),
  env: texts("A variable of this environment that it is given, as plugin_env does: NAME, or NAME=VALUE"),
  mtls: toggle("Seal its link with mutual TLS, as plugin_mtls does, where its contract is tried"),
  timeout: duration("How long it may take to start, and for each answer", defaultPatienceMs),
};

/** @param configFile whose text stands in plugin_data; "" when there is none. */
export async function openLab(
  flags: FlagValues<typeof labFlags>,
  operands: readonly string[],
  io: CommandIo,
  {
    configFile = "",
    trustDomain = "example.org",
  }: { readonly configFile?: string; readonly trustDomain?: string } = {},
): Promise<Lab> {
  const target = findTarget({
    operands,
    ...flags,
    cwd: io.cwd,
    path: io.env.PATH,
    nodePath: process.execPath,
  });
  const config = configFile === "" ? undefined : readFileSync(resolve(io.cwd, configFile), "utf8");
  return await Lab.open(
    {
      target,
      env: io.env,
      given: givenBy(flags.env),
      config,
      trustDomain,
      patienceMs: flags.timeout,
    },
    findKind(target.side, target.type),
  );
}

function givenBy(variables: readonly string[]) {
  const pairs = variables.flatMap((variable) => {
    const [, name = "", value = ""] = /^([^=]+)=([\s\S]*)$/.exec(variable) ?? [];
    return name === "" ? [] : [[name, value] as const];
  });
  return {
    names: variables.filter((variable) => !variable.includes("=")),
    values: Object.fromEntries(pairs),
    isCompatible: false,
  };
}
