import { createHash } from "node:crypto";
import { existsSync, readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { fileURLToPath } from "node:url";

/** A native addon as the bundle that needs it knows it. */
export interface Addon {
  /** For each `platform-arch` it was built for, the file beside the bundle and its SHA-256 in hex. */
  readonly files: Readonly<Record<string, { readonly name: string; readonly sha256: string }>>;
  /** The package that has it where no file lies beside the bundle, as after `npm install`; `PLATFORM` is replaced. */
  readonly package?: string;
}

/**
 * Loads the addon for this machine. The bundle's own checksum covers the addon's: what is not the file it was built with never
 * runs. Becomes a part of each bundle that has an addon.
 *
 * @param bundleUrl the bundle's `import.meta.url`.
 * @throws {Error} when there is none for this machine, or a file that is not the one.
 */
export function loadAddon(bundleUrl: string, addon: Addon): unknown {
  const require = createRequire(bundleUrl);
  const platform = `${process.platform}-${process.arch}`;
  const file = addon.files[platform];
  const path = file && fileURLToPath(new URL(file.name, bundleUrl));
  if (file === undefined || path === undefined || !existsSync(path)) {
    if (addon.package !== undefined) return require(addon.package.replace("PLATFORM", platform));
    throw new Error(`${path ?? fileURLToPath(bundleUrl)}: no native addon for ${platform}`);
  }
  if (createHash("sha256").update(readFileSync(path)).digest("hex") !== file.sha256)
    throw new Error(`${path} is not the file that ${fileURLToPath(bundleUrl)} was built with`);
  return require(path);
}
