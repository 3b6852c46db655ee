import { existsSync, globSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { parseArgs } from "node:util";
import { buf, readDescriptors } from "./descriptors.ts";
import { fieldTableModule } from "./field-table.ts";
import { wireTables } from "./wire-table.ts";

const root = join(import.meta.dirname, "..");

/** What the generated TypeScript looks like; docs/decisions/001-generated-codecs.md says why. */
const codecOptions = [
  "importSuffix=.ts",
  "env=node",
  "esModuleInterop=true",
  "forceLong=number",
  "useJsTypeOverride=true",
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

/** The codecs of every .proto file below `proto/`, and the field table of `@finial/proto/json`: text by path. */
export function generate(): ReadonlyMap<string, string> {
  const out = mkdtempSync(join(tmpdir(), "finial-generate-"));
  try {
    const plugin = {
      local: join(root, "node_modules", ".bin", "protoc-gen-ts_proto"),
      out,
      opt: codecOptions,
      include_imports: true,
    };
    const template = JSON.stringify({ version: "v2", plugins: [plugin] });
    buf(["generate", "--template", template, "--include-imports", "--include-wkt"]);
    const codecs = [...readTree(out)].map(([path, text]) => [path, withoutForeignProse(path, text)] as const);
    return new Map([...codecs, ["field-table.ts", fieldTableModule(readDescriptors())]]);
  } finally {
    rmSync(out, { recursive: true, force: true });
  }
}

/** The well-known types come with pages of manual in their comments. */
function withoutForeignProse(path: string, text: string): string {
  return path.startsWith("google/protobuf/") ? text.replaceAll(/ *\/\*\*[\s\S]*?\*\/\n/g, "") : text;
}

/** Text of every file below a directory, by path. */
export function readTree(directory: string): ReadonlyMap<string, string> {
  const paths = globSync("**/*.*", { cwd: directory }).sort();
  return new Map(paths.map((path) => [path, readFileSync(join(directory, path), "utf8")]));
}

/** Makes a directory hold exactly these files, touching only those that differ. */
function writeTree(directory: string, files: ReadonlyMap<string, string>): void {
  const present = existsSync(directory) ? readTree(directory) : new Map<string, string>();
  for (const path of present.keys()) if (!files.has(path)) rmSync(join(directory, path));
  for (const [path, text] of files) {
    if (present.get(path) === text) continue;
    mkdirSync(dirname(join(directory, path)), { recursive: true });
    writeFileSync(join(directory, path), text);
  }
}

if (import.meta.main) {
  const { values } = parseArgs({ options: { pin: { type: "boolean" } } });
  writeTree(join(root, "proto", "gen"), generate());
  // Only for a change of the wire that is meant: test/wire compares the .proto files with these.
  if (values.pin) writeTree(join(root, "test", "wire", "tables"), wireTables(readDescriptors()));
}
