import { spawnSync } from "node:child_process";
import { rmSync } from "node:fs";
import { join } from "node:path";
import { parseArgs } from "node:util";

const root = join(import.meta.dirname, "..");

/** What the generated TypeScript looks like; docs/decisions/001-generated-codecs.md says why. */
const codecOptions = [
  "importSuffix=.ts",
  "env=node",
  "esModuleInterop=true",
  "forceLong=number",
  "enumsAsLiterals=true",
  "unrecognizedEnum=false",
  "oneof=unions-value",
  "outputServices=generic-definitions",
  "outputJsonMethods=false",
  "outputPartialMethods=true",
  "useExactTypes=false",
  "useOptionals=none",
  "useDate=false",
  "annotateFilesWithVersion=false",
];

function buf(args: readonly string[], cwd: string): string {
  const result = spawnSync(join(root, "node_modules", ".bin", "buf"), args, { cwd, encoding: "utf8", maxBuffer: 64 << 20 });
  if (result.status !== 0) throw new Error(`buf ${args[0]}: ${result.stderr}`);
  return result.stdout;
}

/** Writes the codecs of every .proto file below `proto/` into `out`. */
export function generate(out: string): void {
  const template = {
    version: "v2",
    plugins: [{ local: join(root, "node_modules", ".bin", "protoc-gen-ts_proto"), out, opt: codecOptions, include_imports: true }],
  };
  rmSync(out, { recursive: true, force: true });
  buf(["generate", "--template", JSON.stringify(template), "--include-imports", "--include-wkt"], join(root, "proto"));
}

if (import.meta.main) {
  const { values } = parseArgs({ options: { out: { type: "string", default: join(root, "proto", "gen") } } });
  generate(values.out);
}
