import { globSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { root } from "./package-json.ts";
import { run } from "./run.ts";

/** The packages that are imported, and which of their folders `dist` mirrors. */
const rootDirs: Readonly<Record<Library, string>> = { proto: "proto", sdk: "sdk/src" };

export type Library = "proto" | "sdk";

/** Compiles a library to JavaScript with its declarations. @param to the folder its `exports` call `./dist`. */
export function compileLibrary(library: Library, to: string): void {
  const config = mkdtempSync(join(tmpdir(), "finial-library-"));
  try {
    writeFileSync(join(config, "tsconfig.json"), JSON.stringify(tsconfig(library, to)));
    rmSync(to, { recursive: true, force: true });
    run([join(root, "node_modules", ".bin", "tsc"), "-p", config], { cwd: root });
  } finally {
    rmSync(config, { recursive: true });
  }
  for (const path of globSync("**/*.d.ts", { cwd: to })) {
    const file = join(to, path);
    writeFileSync(file, withJsSpecifiers(readFileSync(file, "utf8")));
  }
}

function tsconfig(library: Library, to: string): object {
  const folder = join(root, library);
  return {
    extends: join(root, "tsconfig.json"),
    compilerOptions: {
      noEmit: false,
      declaration: true,
      rootDir: join(root, rootDirs[library]),
      outDir: to,
      typeRoots: [join(root, "node_modules", "@types")],
    },
    include: [join(folder, "src"), join(folder, "gen")],
    exclude: [join(folder, "**", "*.test.ts")],
  };
}

/** The compiler does this in what runs, and leaves it out in declarations. */
function withJsSpecifiers(declarations: string): string {
  return declarations.replaceAll(/((?:from|import\() ?"\.{1,2}\/[^"]+)\.ts"/g, '$1.js"');
}

// For `npm pack` in the workspace itself.
if (import.meta.main) {
  const [library] = process.argv.slice(2);
  if (library !== "proto" && library !== "sdk") throw new TypeError("library.ts proto|sdk");
  compileLibrary(library, join(root, library, "dist"));
}
