import { existsSync, readFileSync, statSync } from "node:fs";
import { basename, delimiter, dirname, join, resolve } from "node:path";
import { Code, StatusError } from "@finial/sdk";

/** The plugin to look at: what to run, and what its author says it is. */
export interface Target {
  /** Absolute path of the program. */
  readonly file: string;
  readonly args: readonly string[];
  /** Whether it runs as a package of Finial's does: by Node, with its standard input as its lifeline. */
  readonly isPackage: boolean;
  /** Whether its manifest or a flag says that it can seal its link with mutual TLS. */
  readonly isSealed: boolean;
  /** As its manifest or a flag says; undefined: to be learnt from what it offers. */
  readonly side: "server" | "agent" | undefined;
  readonly type: string | undefined;
  /** As operators would write it. */
  readonly name: string;
}

export interface TargetOptions {
  /** A command, or the folder of a package. */
  readonly operands: readonly string[];
  readonly side: string;
  readonly type: string;
  readonly name: string;
  readonly mtls: boolean;
  readonly cwd: string;
  readonly path: string | undefined;
  /** The Node that runs packages. */
  readonly nodePath: string;
}

/** @throws {StatusError} InvalidArgument `TARGET` in a sentence for who typed the command. */
export function findTarget(options: TargetOptions): Target {
  const { operands, cwd, side, type, name, mtls } = options;
  const [first, ...args] = operands;
  if (first === undefined)
    throw refused("name the plugin: a command with its arguments, or the folder of its package");
  if (side !== "" && side !== "server" && side !== "agent")
    throw refused(`-side is server or agent, not ${side}`);
  const file = resolve(cwd, first);
  const said = { side: side === "" ? undefined : side, type: type === "" ? undefined : type } as const;
  if (statSync(file, { throwIfNoEntry: false })?.isDirectory()) {
    if (args.length > 0)
      throw refused(`after the folder of a package nothing follows: flags go before it (${args.join(" ")})`);
    return ofPackage(file, options, said);
  }
  const program = first.includes("/") || existsSync(file) ? file : onPath(first, options.path);
  const named = manifestBeside(dirname(program));
  return {
    file: program,
    args,
    isPackage: false,
    isSealed: mtls,
    side: said.side ?? named?.side,
    type: said.type ?? named?.type,
    name: name || (named?.name ?? basename(first).replace(/\.\w+$/, "")),
  };
}

interface Named {
  readonly side: "server" | "agent" | undefined;
  readonly type: string | undefined;
  readonly name: string | undefined;
  readonly main: string | undefined;
  readonly mtls: boolean;
}

function ofPackage(
  folder: string,
  { name, mtls, nodePath }: TargetOptions,
  said: Pick<Target, "side" | "type">,
): Target {
  const manifest = manifestBeside(folder);
  if (manifest === undefined)
    throw refused(`${folder} has no plugin.json: the manifest that says side, type, name and main`);
  const { main } = manifest;
  if (main === undefined)
    throw refused(`${join(folder, "plugin.json")}: "main" must name the plugin's bundled file`);
  const file = join(folder, main);
  if (!existsSync(file)) throw refused(`${file} is not there yet: build the package first`);
  return {
    file: nodePath,
    args: [file],
    isPackage: true,
    isSealed: mtls || manifest.mtls,
    side: said.side ?? manifest.side,
    type: said.type ?? manifest.type,
    name: name || (manifest.name ?? basename(folder)),
  };
}

function manifestBeside(folder: string): Named | undefined {
  const path = join(folder, "plugin.json");
  if (!existsSync(path)) return undefined;
  let parsed: unknown;
  try {
    parsed = JSON.parse(readFileSync(path, "utf8"));
  } catch (error) {
    throw refused(`${path}: ${error instanceof Error ? error.message : String(error)}`);
  }
  if (typeof parsed !== "object" || parsed === null) throw refused(`${path}: it must be an object`);
  const fields = parsed as Readonly<Record<string, unknown>>;
  const text = (key: string): string | undefined => {
    const value = fields[key];
    return typeof value === "string" && value !== "" ? value : undefined;
  };
  const side = text("side");
  return {
    side: side === "server" || side === "agent" ? side : undefined,
    type: text("type"),
    name: text("name"),
    main: text("main"),
    mtls: fields.mtls === true,
  };
}

/** For authors only: a host takes paths, and never searches. */
function onPath(program: string, path: string | undefined): string {
  for (const folder of (path ?? "").split(delimiter)) {
    const candidate = join(folder, program);
    if (folder !== "" && statSync(candidate, { throwIfNoEntry: false })?.isFile()) return candidate;
  }
  throw refused(`there is no program "${program}", neither here nor on the PATH`);
}

function refused(message: string): StatusError {
  return new StatusError(Code.InvalidArgument, "TARGET", message);
}
